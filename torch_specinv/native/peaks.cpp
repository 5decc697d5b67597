// The frequency of the peak that each bin belongs to, and steps of phase along time: what phase/locked.py does.
#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

namespace {
// By how many bins the peaks of a frame lie above each of their bins. A slope of the log-magnitude is `bend` times the
// frequency that dominates in a bin, above its centre.
struct Peaks {
  const int64_t bins;
  const float bend, floor;
  std::vector<int32_t> owner;
  std::vector<float> energy, moment;
  Peaks(int64_t bins, float bend, float floor)
      : bins(bins), bend(bend), floor(floor), owner(bins), energy(bins), moment(bins) {}
  void operator()(const float *s, const float *log, float *ahead) {
    int64_t peak = -1, begin = 0;  // the last peak, and the first bin that has no owner yet
    for (int64_t k = 1; k + 1 < bins; k++) {
      if (!(s[k] > s[k + 1] && s[k] >= s[k - 1])) continue;
      for (int64_t j = begin; j < k; j++) owner[j] = (int32_t)(peak < 0 || s[j + 1] >= s[j] ? k : peak);
      owner[k] = (int32_t)(peak = k), begin = k + 1;
    }
    for (int64_t j = begin; j < bins; j++) owner[j] = (int32_t)(peak < 0 ? j : peak);
    std::fill(energy.begin(), energy.end(), 0.0f);
    std::fill(moment.begin(), moment.end(), 0.0f);
    for (int64_t k = 0; k < bins; k++) {
      const float e = std::max(s[k] * s[k], floor * floor), own = k > 0 && k + 1 < bins ? (log[k + 1] - log[k - 1]) * bend : 0;
      energy[owner[k]] += e, moment[owner[k]] += e * ((float)k + own);
    }
    for (int64_t k = 0; k < bins; k++) ahead[k] = moment[owner[k]] / std::max(energy[owner[k]], floor * floor) - (float)k;
  }
};

enum Outcome : int32_t { DONE, NO_MEMORY = 2, WRONG };
}  // namespace

// Steps from frame to frame of (batch, frames, bins), for strengths from 0 to 1 and their logarithms: what the centre of a
// bin advances, and `advance` for each bin that both frames are ahead. `sizes` has the numbers of strengths, of logarithms,
// of centres and of steps.
extern "C" __attribute__((visibility("default"))) int32_t specinv_lock(
    const float *strength, const float *log, const int64_t *shape, const uint32_t *centre, float bend, float floor,
    float advance, uint32_t *step, const int64_t *sizes) try {
  int64_t count = 0;
  if (shape[0] < 1 || shape[1] < 1 || shape[2] < 1) return WRONG;
  if (__builtin_mul_overflow(shape[0], shape[1], &count) || __builtin_mul_overflow(count, shape[2], &count)) return WRONG;
  const int64_t bins = shape[2], needed[] = {count, count, bins, count};
  if (count > INT32_MAX || !std::equal(needed, needed + 4, sizes)) return WRONG;
  Peaks peaks(bins, bend, floor);
  std::vector<float> now(bins), next(bins);
  for (int64_t item = 0; item < shape[0]; item++)
    for (int64_t t = 0; t < shape[1]; t++, strength += bins, log += bins, step += bins) {
      peaks(strength, log, next.data());
      for (int64_t k = 0; t > 0 && k < bins; k++)
        step[k - bins] = centre[k] + (uint32_t)(int64_t)((now[k] + next[k]) * advance);
      std::fill_n(step, bins, 0);  // after the last frame there is none
      now.swap(next);
    }
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
