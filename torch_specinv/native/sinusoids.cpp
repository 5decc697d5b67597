// Single Pass Spectrogram Inversion: what phase/spsi.py does, frame by frame and to the last digit.
#include <cmath>
#include <cstdint>
#include <new>
#include <vector>

namespace {
constexpr int64_t TURN = (int64_t)1 << 60;  // units of phase in one turn; sums wrap at 16 turns

// How far the parabola through a peak and its neighbours makes it advance beyond its bin.
template <class T> uint64_t rest(const T *peak, double ratio) {
  const double below = peak[-1], at = peak[0], above = peak[1];
  const double curvature = below - 2 * at + above;
  if (!(curvature < 0)) return 0;
  const double turns = 0.5 * (below - above) / curvature * ratio;
  if (!(std::fabs(turns) < 1e15)) return 0;
  return (uint64_t)(int64_t)((turns - (double)(int64_t)turns) * TURN);
}

// The phase of one frame, given that of the frame before.
template <class T>
void advance(const T *s, int64_t bins, const int64_t *carrier, double ratio, int64_t delay, const uint64_t *before,
             uint64_t *now) {
  int64_t peak = 0, begin = 0;  // the first and the last bin are no peaks; bins from `begin` on are not done
  const auto belong_to_peak = [&](int64_t end) {
    uint64_t turns = before[peak] + (uint64_t)carrier[peak] + rest(s + peak, ratio);
    turns += (uint64_t)(peak - begin) * (uint64_t)delay;
    for (; begin < end; begin++, turns -= (uint64_t)delay) now[begin] = turns;
  };
  for (int64_t k = 0;;) {
    const int64_t foot = k;
    while (k + 1 < bins && s[k + 1] >= s[k]) k++;
    if (k + 1 == bins) break;
    if (k > foot) {  // else the first bin is the largest around
      if (peak) belong_to_peak(foot);
      peak = k;
    }
    while (k + 1 < bins && !(s[k + 1] >= s[k])) k++;
  }
  if (peak) return belong_to_peak(bins);
  for (int64_t k = 0; k < bins; k++) now[k] = before[k] + (uint64_t)carrier[k];
}

template <class T>
void follow(const T *magnitude, const int64_t *shape, const int64_t *carrier, double ratio, int64_t delay, T *phase) {
  const int64_t bins = shape[2];
  const double scale = 6.283185307179586 / TURN;
  std::vector<uint64_t> before(bins), now(bins);
  for (int64_t item = 0; item < shape[0]; item++) {
    before.assign(bins, 0);
    for (int64_t t = 0; t < shape[1]; t++, magnitude += bins, phase += bins) {
      advance(magnitude, bins, carrier, ratio, delay, before.data(), now.data());
      for (int64_t k = 0; k < bins; k++) phase[k] = (T)((double)(int64_t)(now[k] & (TURN - 1)) * scale);
      before.swap(now);
    }
  }
}

enum Outcome : int32_t { DONE, NO_MEMORY = 2, WRONG };
}  // namespace

// Follow the peaks of a magnitude of that shape (batch, frames, bins), of floats of 4 or 8 bytes; the phase has so many
// bytes too. `sizes` has the numbers of magnitudes, of carriers and of phases that there are.
extern "C" __attribute__((visibility("default"))) int32_t specinv_follow(
    const void *magnitude, int64_t bytes, const int64_t *shape, const int64_t *carrier, double ratio, int64_t delay,
    void *phase, const int64_t *sizes) try {
  int64_t count = 0;
  if (shape[0] < 1 || shape[1] < 1 || shape[2] < 1) return WRONG;
  if (__builtin_mul_overflow(shape[0], shape[1], &count) || __builtin_mul_overflow(count, shape[2], &count)) return WRONG;
  if (sizes[0] != count || sizes[1] != shape[2] || sizes[2] != count) return WRONG;
  if (bytes == 4)
    follow((const float *)magnitude, shape, carrier, ratio, delay, (float *)phase);
  else if (bytes == 8)
    follow((const double *)magnitude, shape, carrier, ratio, delay, (double *)phase);
  else
    return WRONG;
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
