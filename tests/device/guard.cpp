// A CPU build of torch knows no other device: even `~x` of a tensor that says it is on one fails for
// want of a device guard, and autograd asks for an accelerator. These say that there are two such
// devices, and do nothing. DEVICE is CUDA or MPS.
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/detail/MPSHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

using namespace c10;

struct Guard final : impl::DeviceGuardImplInterface {
  static constexpr DeviceType kind = DeviceType::DEVICE;
  static Stream stream() { return Stream(Stream::DEFAULT, Device(kind, 0)); }
  DeviceType type() const override { return kind; }
  Device exchangeDevice(Device) const override { return Device(kind, 0); }
  Device getDevice() const override { return Device(kind, 0); }
  void setDevice(Device) const override {}
  void uncheckedSetDevice(Device) const noexcept override {}
  Stream getStream(Device) const noexcept override { return stream(); }
  Stream getNewStream(Device, int = 0) const override { return stream(); }
  Stream exchangeStream(Stream) const noexcept override { return stream(); }
  DeviceIndex deviceCount() const noexcept override { return 2; }
  void record(void **, const Stream &, const DeviceIndex, const EventFlag) const override {}
  void block(void *, const Stream &) const override {}
  bool queryEvent(void *) const override { return true; }
  void destroyEvent(void *, const DeviceIndex) const noexcept override {}
  bool queryStream(const Stream &) const override { return true; }
  void synchronizeStream(const Stream &) const override {}
};

namespace {
C10_REGISTER_GUARD_IMPL(DEVICE, Guard);
}

namespace at {
#ifdef DEVICE_IS_CUDA
struct Hooks final : CUDAHooksInterface {
  template <class... Any> explicit Hooks(Any...) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  DeviceIndex current_device() const override { return 0; }
  int getNumGPUs() const override { return 2; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  DeviceIndex deviceCount() const override { return 2; }
  void deviceSynchronize(DeviceIndex) const override {}
};
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, Hooks)
#else
struct Hooks final : MPSHooksInterface {
  template <class... Any> explicit Hooks(Any...) {}
  void init() const override {}
  bool hasMPS() const override { return true; }
  bool isOnMacOSorNewer(unsigned, unsigned) const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  void deviceSynchronize() const override {}
};
C10_REGISTER_CLASS(MPSHooksRegistry, MPSHooks, Hooks)
#endif
} // namespace at
