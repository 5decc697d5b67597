// The frequency of the peak that each bin belongs to, and steps of phase along time: what phase/locked.py does.
#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

#include "turns.h"

namespace {
// By how many bins the peaks of a frame lie above each of their bins. A slope of the log-magnitude is `bend` times the
// frequency that dominates in a bin, above its centre.
struct Peaks {
  const int64_t bins;
  const float bend, floor;
  std::vector<int32_t> owner, peaks;
  std::vector<float> energies, moments, energy, moment;  // of each bin, and of all that each owns
  Peaks(int64_t bins, float bend, float floor)
      : bins(bins), bend(bend), floor(floor), owner(bins), peaks(bins), energies(bins), moments(bins), energy(bins),
        moment(bins) {}
  void operator()(const float *__restrict s, const float *__restrict log, float *__restrict ahead) {
    int32_t *__restrict own = owner.data(), *__restrict found = peaks.data();
    float *__restrict e = energies.data(), *__restrict m = moments.data();
    int64_t count = 0;
    for (int64_t k = 1; k + 1 < bins; k++) found[count] = (int32_t)k, count += (s[k] > s[k + 1]) & (s[k] >= s[k - 1]);
    for (int64_t k = 0; k < bins && count == 0; k++) own[k] = (int32_t)k;
    // up to the first peak, and from the last one on, bins have one peak beside them
    for (int64_t k = 0; count > 0 && k < bins; k++) own[k] = k < found[0] ? found[0] : found[count - 1];
    for (int64_t i = 0; i + 1 < count; i++)
      for (int64_t j = found[i]; j < found[i + 1]; j++) own[j] = j > found[i] && s[j + 1] >= s[j] ? found[i + 1] : found[i];
    const float least = floor * floor;
    for (int64_t k = 0; k < bins; k++) {
      const float square = s[k] * s[k];
      e[k] = square > least ? square : least, m[k] = e[k] * (float)(int32_t)k;
    }
    for (int64_t k = 1; k + 1 < bins; k++) m[k] = e[k] * ((float)(int32_t)k + (log[k + 1] - log[k - 1]) * bend);
    std::fill(energy.begin(), energy.end(), 0.0f);
    std::fill(moment.begin(), moment.end(), 0.0f);
    int32_t of = own[0];  // neighbours mostly have one owner
    float sum = 0, product = 0;
    for (int64_t k = 0; k < bins; k++) {
      if (own[k] != of) {
        energy[of] = sum, moment[of] = product;
        of = own[k], sum = energy[of], product = moment[of];
      }
      sum += e[k], product += m[k];
    }
    energy[of] = sum, moment[of] = product;
    for (int64_t k = 0; k < bins; k++) m[k] = moment[k] / std::max(energy[k], least);
    for (int64_t k = 0; k < bins; k++) ahead[k] = m[own[k]] - (float)(int32_t)k;
  }
};

CLONES void lock(const float *strength, const float *log, const int64_t *shape, const uint32_t *centre, float bend,
                 float floor, float advance, uint32_t *step) {
  const int64_t bins = shape[2];
  const bool small = advance * (float)bins < 0x1p45f;
  Peaks peaks(bins, bend, floor);
  std::vector<float> now(bins), next(bins);
  for (int64_t item = 0; item < shape[0]; item++)
    for (int64_t t = 0; t < shape[1]; t++, strength += bins, log += bins, step += bins) {
      peaks(strength, log, next.data());
      for (int64_t k = 0; k < bins; k++) now[k] = (now[k] + next[k]) * advance;
      if (t > 0) std::copy_n(centre, bins, step - bins), add_units(now.data(), bins, small, step - bins);
      std::fill_n(step, bins, 0);  // after the last frame there is none
      now.swap(next);
    }
}

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
  const int64_t needed[] = {count, count, shape[2], count};
  if (count > INT32_MAX || !std::equal(needed, needed + 4, sizes)) return WRONG;
  lock(strength, log, shape, centre, bend, floor, advance, step);
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
