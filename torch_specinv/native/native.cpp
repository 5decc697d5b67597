// The native engine: all iterations of a rule on memory that the caller owns. Interface in C, no state of its own.
//
// The work is in lanes.h, which is built once for each instruction set; the widest that the processor has is chosen
// while the program runs. The standard headers come before that, so that nothing of them is built with instructions
// that an older processor lacks.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#define INLINE inline __attribute__((always_inline))
#ifdef __clang__
#define TEXT(x) #x
#define BEGIN_TARGET(names) \
  _Pragma(TEXT(clang attribute push(__attribute__((target(names))), apply_to = function)))
#define END_TARGET _Pragma("clang attribute pop")
#else
#define TEXT(x) _Pragma(#x)
#define BEGIN_TARGET(names) _Pragma("GCC push_options") TEXT(GCC target(names))
#define END_TARGET _Pragma("GCC pop_options")
#endif

// ---- What Python hands over, by the same names and in the same order (library.py) -----------------------------------

extern "C" {
struct Plan {
  // frames of `support` samples, beginning at `first` among the n_fft of a transform
  int64_t n_fft, first, support, hop, bins;
  // how the frames of an item are laid out: see lanes.h
  int64_t batch, groups, segment, turns;
  // whether threads share the groups of each item, or have items of their own
  int64_t shared, threads;
  int64_t stages;
  const int64_t *radices;
  const float *twiddles;
  const int32_t *places;  // of bins k and n_fft - k in a transform, in the order in which spectra are stored
  const int32_t *order;   // of these bins, the number
  const float *window, *synthesis;
  const int64_t *frames;  // of each item
  // for each item from which to which entry its sums and its fillings go
  const int64_t *edges;
  const int64_t *sums;  // from which term to which, one more than there are
  const int64_t *terms;
  const float *weights;
  const int64_t *places_to_fill, *fillings;  // which sample gets which of the item's sums
  int64_t most_sums, sum_count, term_count, filling_count;

  int64_t margin() const { return std::max<int64_t>(0, support - hop); }
};

// An iteration in numbers. With Q the consistent spectrum of the wave u now + v older, P(c) the projection of the
// variable c on the magnitude, and a memory m:
//   t = q Q + r c + p P(c) + s m,   c <- x t + y m + z P(c),   m <- t,   next spectrum: e P(c) + f c + g m.
struct Row {
  float u, v, q, r, p, s, x, y, z, e, f, g;
};

enum Rule : int64_t { ANSWER, PROJECT, RELAX, RELAX_WITH_MEMORY };

struct Job {
  int64_t rule, count;
  const Row *rows;
  float *waves[2];
  const float *magnitude;
  float *variable, *memory;
  const int32_t *stop;  // not 0 once the caller has lost interest
  bool stopped() const { return __atomic_load_n(stop, __ATOMIC_RELAXED) != 0; }
};
}

namespace {

// Threads wait here for each other. They spin for a moment, and then let others run.
struct Gate {
  const int64_t size;
  bool leave = false;
  std::atomic<int64_t> here{0}, round{0};
  explicit Gate(int64_t size) : size(size) {}
  void wait() {
    if (size == 1) return;
    const int64_t now = round.load();
    if (here.fetch_add(1) + 1 == size) {
      here.store(0);
      round.store(now + 1);
    } else
      for (int64_t spins = 0; round.load() == now; spins++)
        if (spins > 200) std::this_thread::yield();
  }
};

#define V 4
namespace lanes4 {
#include "lanes.h"
}
#undef V
#ifdef __x86_64__
BEGIN_TARGET("avx2,fma")
#define V 8
namespace lanes8 {
#include "lanes.h"
}
#undef V
END_TARGET
BEGIN_TARGET("avx512f,avx512vl,avx512dq,avx512bw,fma")
#define V 16
namespace lanes16 {
#include "lanes.h"
}
#undef V
END_TARGET
#endif

struct Build {
  decltype(&lanes4::work) work;
  decltype(&lanes4::pack) pack;
};

// The functions for that many lanes, or none where the processor lacks the instructions.
Build build_of(int64_t width) {
  if (width == 4) return {lanes4::work, lanes4::pack};
#ifdef __x86_64__
  if (width == 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {lanes8::work, lanes8::pack};
  if (width == 16 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    return {lanes16::work, lanes16::pack};
#endif
  return {nullptr, nullptr};
}

template <class T> bool within(const T *values, int64_t count, int64_t limit) {
  for (int64_t i = 0; i < count; i++)
    if (values[i] < 0 || values[i] >= limit) return false;
  return true;
}

bool rising(const int64_t *values, int64_t count) {
  for (int64_t i = 1; i < count; i++)
    if (values[i] < values[i - 1]) return false;
  return true;
}
}  // namespace

#define API __attribute__((visibility("default")))
extern "C" {

enum Outcome : int32_t { DONE, STOPPED, NO_MEMORY, WRONG };

// Whether this processor has what lanes of that many floats need.
API int32_t specinv_supports(int64_t width) { return build_of(width).work != nullptr; }

// Whether the numbers of a plan fit each other, so that nothing outside of memory will ever be touched.
API int32_t specinv_check(const Plan *plan, int64_t width) {
  const Plan &p = *plan;
  int64_t size = 1;
  for (int64_t i = 0; i < p.stages; i++) {
    const int64_t r = p.radices[i];
    if (r != 2 && r != 3 && r != 4 && r != 5 && r != 8) return WRONG;
    size *= r;
  }
  if (!build_of(width).work || size != p.n_fft || p.n_fft % 2 || p.bins != p.n_fft / 2 + 1) return WRONG;
  if (p.first < 0 || p.support < 1 || p.first + p.support > p.n_fft || p.hop < 1) return WRONG;
  if (p.batch < 1 || p.groups < 1 || p.turns < 1 || p.segment < 2 * p.turns || p.segment % (2 * p.turns)) return WRONG;
  if (p.margin() > p.segment * p.hop || p.threads < 1) return WRONG;
  const int64_t floats = p.groups * (p.segment * p.hop + p.margin()) * width;
  if (!within(p.places, 2 * p.bins, p.n_fft) || !within(p.order, p.bins, p.bins)) return WRONG;
  if (!within(p.frames, p.batch, p.groups * width * p.segment + 1)) return WRONG;
  if (!within(p.sums, p.sum_count + 1, p.term_count + 1) || !rising(p.sums, p.sum_count + 1)) return WRONG;
  if (!within(p.terms, p.term_count, floats) || !within(p.places_to_fill, p.filling_count, floats)) return WRONG;
  for (int64_t i = 0; i < p.batch; i++) {
    const int64_t *range = p.edges + 4 * i, sums = range[1] - range[0];
    if (!within(range, 2, p.sum_count + 1) || !within(range + 2, 2, p.filling_count + 1)) return WRONG;
    if (sums < 0 || sums > p.most_sums || range[3] < range[2]) return WRONG;
    if (!within(p.fillings + range[2], range[3] - range[2], sums)) return WRONG;
  }
  return DONE;
}

// Make spectra of (batch, frames, bins, parts) what the lanes take, or the other way round.
API void specinv_pack(
    const Plan *plan, int64_t width, float *packed, float *plain, int64_t frames, int64_t parts, int32_t unpack) {
  build_of(width).pack(*plan, packed, plain, frames, parts, unpack != 0);
}

// Carry out iterations. The memory of the job is written over, whatever the outcome is.
API int32_t specinv_run(const Plan *plan, int64_t width, const Job *job) try {
  const Plan &p = *plan;
  const auto work = build_of(width).work;
  // for each thread a transform, and the waves just ahead of the frames; they start on pages of their own
  const int64_t need = p.support + p.turns * p.hop, sums = (p.most_sums + width - 1) / width;
  const size_t floats = ((2 * p.n_fft + std::max(4 * need, sums)) * width + 1023) / 1024 * 1024;
  const std::align_val_t page{4096};
  float *scratch = static_cast<float *>(operator new(p.threads * floats * sizeof(float), page, std::nothrow));
  if (!scratch) return NO_MEMORY;
  std::memset(scratch, 0, p.threads * floats * sizeof(float));

  std::atomic<int64_t> started{0};
  std::vector<std::thread> others;
  Gate *gate = nullptr;
  const auto run = [&](int64_t thread) {
    // how many there are is known when all are made: a system may refuse some
    while (started.load() == 0) std::this_thread::yield();
    work(p, *job, thread, started.load(), *gate, scratch + thread * floats);
  };
  try {
    others.reserve(p.threads);
    for (int64_t thread = 1; thread < p.threads; thread++) others.emplace_back(run, thread);
  } catch (...) {
  }
  const int64_t threads = 1 + (int64_t)others.size();
  Gate common{threads};
  gate = &common;
  started.store(threads);
  run(0);
  for (auto &other : others) other.join();
  operator delete(scratch, page);
  return job->stopped() ? STOPPED : DONE;
} catch (...) {
  return NO_MEMORY;
}
}
