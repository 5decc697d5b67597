// The native engine: all iterations of a rule on memory that the caller owns. Interface in C, no state of its own.
//
// The work is in lanes.h and fourier.h, built once for each instruction set. The standard headers come first, so that
// nothing of them is built with instructions that some processor lacks.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <thread>
#include <type_traits>
#include <vector>
#include "threads.h"
#define INLINE inline __attribute__((always_inline))
#define PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define BEGIN_TARGET(names) PRAGMA(clang attribute push(__attribute__((target(names))), apply_to = function))
#define END_TARGET PRAGMA(clang attribute pop)
#else
#define BEGIN_TARGET(names) PRAGMA(GCC push_options) PRAGMA(GCC target(names))
#define END_TARGET PRAGMA(GCC pop_options)
#endif
// A transform and how its frames are laid out, with the same names in the same order as in library.py
struct Plan {
  int64_t n_fft, first, support, hop, bins;  // windows have `support` samples, and begin at `first` of n_fft
  int64_t batch, groups, segment, turns;     // see lanes.h; a segment has so many frames
  int64_t shared, threads, stages;           // whether threads share the groups of an item, or have items of their own
  const int64_t *radices;                    // of the stages
  const float *twiddles;
  const int32_t *places, *order;  // in the order of spectra: where bins k and n_fft - k are in a transform, and k
  const float *window, *synthesis;
  const int64_t *frames;  // of each item
  const int64_t *edges;   // for each item from which to which of the sums, and of the places to fill
  const int64_t *sums;    // from which of the terms on each sum is
  const int64_t *terms;   // which sample is added,
  const float *weights;   // times what
  const int64_t *places_to_fill, *fillings;  // which sample gets which of the item's sums
  int64_t most_sums, sum_count, term_count, filling_count;
  int64_t reals() const { return n_fft % 2 ? 1 : 2; }  // bins 0 and, of an even n_fft, n_fft / 2
  int64_t margin() const { return std::max<int64_t>(0, support - hop); }
  int64_t length() const { return segment * hop + margin(); }
};

// An iteration in numbers. With Q the consistent spectrum of the wave u now + v older, P(c) the projection of the
// variable c on the magnitude, and a memory m:
//   t = q Q + r c + p P(c) + s m,   c <- x t + y m + z P(c),   m <- t,   next spectrum: e P(c) + f c + g m.
struct Row {
  float u, v, q, r, p, s, x, y, z, e, f, g;
};

// A bank of sums over bins, (bands, bins). Bins are in the order of spectra.
struct Bank {
  int64_t bands, power, reach, spread;
  int64_t starts;                // whether the variable is taken for its own projection, as at the start
  int64_t scales;                // whether what is known is by what the sums of the wave are to be multiplied
  const int32_t *first;          // for each bin: a band from which on `reach` bands have all that it is in,
  const float *weights;          // its weights in these,
  const float *shares;           // and 1 / the sum of its weights, or 0 where it is in none
  const int32_t *inverse_first;  // for each band: one from which on its row of the inverse has `spread` entries that count,
  const float *inverse;          // and these; of the bank times its transpose
  float *gains;                  // for RELAX and on, as large as the magnitude of bins; for MEASURE there is room for sums
  int64_t sizes[6];              // how many elements the caller has for each of these, in this order
};

enum Rule : int64_t { BEGIN, ANSWER, MEASURE, PROJECT, RELAX, RELAX_WITH_MOMENTUM, RELAX_WITH_MEMORY, RETURN };
struct Job {
  int64_t rule, count;
  const Row *rows;
  float *waves[2];
  const float *magnitude;
  float *variable, *memory;
  float *kept, *gradient;  // the mix of waves that each iteration analyses, or null; the sums for the magnitude
  const float *phase;   // to begin at, (batch, frames, bins), in radians; then a variable is written, if there is one
  int64_t frames;
  int64_t sizes[8];     // how many floats the caller has for each of these, in this order
  const Bank *bank;     // null where the magnitude is that of bins
  int64_t main;         // whether the main thread of Python calls, with its lock
};

// A frame of each stream, and the state before and after it: that of online/core.py, with tensors (streams, places, ...)
// of which the last `past + 1` to `places` are active
struct Push {
  int64_t rule, count, streams, places, past, asymmetric;
  const Row *rows;
  const float *pulse;  // spectrum that is added to what is known of a new frame; null where it has a phase
  const float *power;  // squares of the window
  const float *observed, *target, *estimate, *committed, *envelope;
  const bool *arrives, *present;
  float *next_target, *next_estimate, *next_committed, *next_envelope, *samples;  // 0 before
  bool *next_present;
  int64_t sizes[8];  // of observed, arrives, present, target, estimate, committed, envelope and samples
  float floor;
  int64_t active() const { return places - past; }
  int64_t size(const Plan &p) const { return (active() - 1) * p.hop + p.n_fft; }
};

Host host;
namespace {
namespace lanes4 {
#define V 4
#include "lanes.h"
}
#ifdef __x86_64__
BEGIN_TARGET("avx2,fma")
namespace lanes8 {
#define V 8
#include "lanes.h"
}
END_TARGET
BEGIN_TARGET("avx512f,avx512vl,avx512dq,avx512bw,fma")
namespace lanes16 {
#define V 16
#include "lanes.h"
}
END_TARGET
#endif
// What was built for that many lanes, or nothing where the processor lacks the instructions
struct Build {
  decltype(&lanes4::work) work = nullptr;
  decltype(&lanes4::pack) pack = nullptr;
  decltype(&lanes4::carry) carry = nullptr;
  decltype(&lanes4::room) room = nullptr;
  decltype(&lanes4::push) push = nullptr;
  decltype(&lanes4::smooth) smooth = nullptr;
};
Build build_of(int64_t width) {
#define BUILD(lanes) {lanes::work, lanes::pack, lanes::carry, lanes::room, lanes::push, lanes::smooth}
  if (width == 4) return BUILD(lanes4);
#ifdef __x86_64__
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  if (width == 8 && avx2) return BUILD(lanes8);
  if (width == 16 && avx2 && avx512) return BUILD(lanes16);
#endif
  return {};
}
// A product of sizes, or -1 where it is beyond what a number holds.
int64_t product(std::initializer_list<int64_t> factors) {
  int64_t all = 1;
  for (const int64_t factor : factors)
    if (factor < 0 || __builtin_mul_overflow(all, factor, &all)) return -1;
  return all;
}
template <class T> bool within(const T *values, int64_t count, int64_t limit) {
  return std::all_of(values, values + count, [=](T value) { return 0 <= value && value < limit; });
}
// How many floats magnitudes in lanes are; spectra are twice as many.
int64_t magnitudes(const Plan &p, int64_t width, int64_t rows) {
  return product({p.batch, p.groups, p.segment, rows, width});
}
// Whether the tables of a bank fit each other, and whether there are so many gains, if any are needed.
bool fits(const Bank &b, int64_t bins, int64_t gains) {
  const int64_t needed[] = {bins, product({bins, b.reach}), bins, b.bands, product({b.bands, b.spread})};
  return b.bands > 0 && b.reach > 0 && b.spread > 0 && (b.power == 1 || b.power == 2) &&
         std::equal(std::begin(needed), std::end(needed), b.sizes) && within(b.first, bins, b.bands - b.reach + 1) &&
         within(b.inverse_first, b.bands, b.bands - b.spread + 1) && (!gains || (b.gains && b.sizes[5] == gains));
}
// How many floats of scratch it takes.
int64_t room(const Bank *bank, int64_t bins, int64_t width) {
  return bank ? product({4 * bank->bands + 2 * bins, width}) : 0;
}
// Whether a job has all that its rule works on.
bool fits(const Plan &p, int64_t width, const Job &job) {
  const int64_t wave = product({p.batch, p.groups, p.length(), width}), spectrum = 2 * magnitudes(p, width, p.bins);
  const int64_t other = job.rule == MEASURE ? product({p.batch, p.groups, p.segment, width}) : wave;
  const int64_t known = job.bank ? magnitudes(p, width, job.bank->bands) : spectrum / 2;
  const bool relaxes = job.rule >= RELAX && job.rule <= RELAX_WITH_MEMORY, returns = job.rule == RETURN;
  const bool begins = job.rule == BEGIN;
  const int64_t variable = job.rule == ANSWER || relaxes || (begins && job.variable) ? spectrum : 0;
  const int64_t memory = relaxes && job.rule != RELAX ? spectrum : 0;
  const int64_t kept = job.kept ? product({wave, job.count}) : 0, gradient = returns ? spectrum / 2 : 0;
  const int64_t phase = begins ? product({p.batch, job.frames, p.bins}) : 0;
  if (job.rule < BEGIN || job.rule > RETURN || job.count < 1 || !job.rows) return false;
  if (returns ? !job.kept || !job.gradient : job.kept && job.rule != PROJECT) return false;
  if (kept < 0 || (job.kept && (p.turns != 1 || job.bank))) return false;
  if (wave < 0 || spectrum < 0 || !job.waves[0] || !job.waves[1] || !job.magnitude) return false;
  if ((variable && !job.variable) || (memory && !job.memory)) return false;
  if (begins && (!job.phase || phase < 1 || job.bank)) return false;
  const bool sums = job.bank && job.rule == MEASURE && job.bank->gains;
  if (sums && job.bank->bands > p.bins) return false;
  if (job.bank && !fits(*job.bank, p.bins, relaxes || sums ? spectrum / 2 : 0)) return false;
  const int64_t needed[] = {wave, other, known, variable, memory, kept, gradient, phase};
  return std::equal(std::begin(needed), std::end(needed), job.sizes);
}
}  // namespace
#define API __attribute__((visibility("default")))
extern "C" {
enum Outcome : int32_t { DONE, STOPPED, NO_MEMORY, WRONG };
#ifndef SPECINV_SOURCES
#define SPECINV_SOURCES ""
#endif
// To be called first, and in a child process without threads.
API void specinv_lend(const Host *lent) {
  host = *lent;
#ifdef __SANITIZE_THREAD__
  host.parallel = nullptr;  // it can't see how these wait for each other
#endif
}
// Whether this processor has what lanes of that many floats need, the size of all that Python hands over, and a hash of
// the sources that this was built from.
API int32_t specinv_supports(int64_t width) { return build_of(width).work != nullptr; }
API int64_t specinv_size() { return sizeof(Plan) + 1000 * (sizeof(Row) + sizeof(Push) + sizeof(Bank)) + 1000000 * sizeof(Job); }
API const char *specinv_sources() { return SPECINV_SOURCES; }
// Whether all that is an index, or says how many there are, fits the rest of a plan. `sizes` has the numbers of elements
// that there are of its arrays, in the order of the Plan.
API int32_t specinv_check(const Plan *plan, int64_t width, const int64_t *sizes) {
  const Plan &p = *plan;
  int64_t size = 1, twiddles = 0;
  if (p.stages < 0 || sizes[0] != p.stages) return WRONG;
  for (int64_t i = p.stages - 1; i >= 0; i--) {
    const int64_t r = p.radices[i];
    if (r != 2 && r != 3 && r != 4 && r != 5 && r != 7 && r != 8 && r != 11 && r != 13) return WRONG;
    twiddles += 2 * (r - 1) * size;
    if (product({size, r}) < 0 || (size *= r) > p.n_fft) return WRONG;
  }
  const int64_t needed[] = {p.stages, twiddles, 2 * p.bins, p.bins, p.support, p.support, p.batch, 4 * p.batch,
                            p.sum_count + 1, p.term_count, p.term_count, p.filling_count, p.filling_count};
  if (!std::equal(std::begin(needed), std::end(needed), sizes)) return WRONG;
  if (!build_of(width).work || size != p.n_fft || p.bins != p.n_fft / 2 + 1) return WRONG;
  if (p.first < 0 || p.support < 1 || p.first + p.support > p.n_fft || p.hop < 1 || p.threads < 1) return WRONG;
  if (p.batch < 1 || p.groups < 1 || p.turns < 1 || p.segment < 1 || p.segment % (2 * p.turns)) return WRONG;
  const int64_t floats = p.groups * p.length() * width;
  if (p.margin() > p.segment * p.hop || !within(p.frames, p.batch, p.groups * width * p.segment + 1)) return WRONG;
  if (!within(p.places, 2 * p.bins, p.n_fft) || !within(p.order, p.bins, p.bins)) return WRONG;
  if (!within(p.terms, p.term_count, floats) || !within(p.places_to_fill, p.filling_count, floats)) return WRONG;
  if (!within(p.sums, p.sum_count + 1, p.term_count + 1)) return WRONG;
  for (int64_t i = 0; i < p.batch; i++) {
    const int64_t *range = p.edges + 4 * i, sums = range[1] - range[0];
    if (!within(range, 2, p.sum_count + 1) || !within(range + 2, 2, p.filling_count + 1)) return WRONG;
    if (sums > p.most_sums || range[3] < range[2]) return WRONG;
    if (!within(p.fillings + range[2], range[3] - range[2], sums)) return WRONG;
  }
  return DONE;
}
// Make spectra of (batch, frames, bins, parts) what the lanes take, or go the other way, `out` of them; `sizes` has the
// floats that there are of both.
API int32_t specinv_pack(const Plan *plan, int64_t width, float *packed, float *plain, int64_t frames, int64_t parts,
                         int32_t out, const int64_t *sizes) {
  const Plan &p = *plan;
  if (!build_of(width).pack || parts < 1 || parts > 2 || sizes[0] != parts * magnitudes(p, width, p.bins)) return WRONG;
  if (sizes[1] < 0 || sizes[1] != product({p.batch, frames, p.bins, parts})) return WRONG;
  build_of(width).pack(p, packed, plain, frames, parts, out != 0);
  return DONE;
}
// Copy samples of waves out of the lanes or, to `lay`, into them; sample n of the lanes is sample n + shift of a row.
// `sizes` has the floats that there are of waves in lanes, and in rows.
API int32_t specinv_carry(const Plan *plan, int64_t width, float *waves, float *rows, int64_t shift, int64_t samples,
                          int32_t lay, const int64_t *sizes) {
  const Plan &p = *plan;
  if (!build_of(width).carry || samples < 0 || std::abs(shift) > INT32_MAX || sizes[0] < 0 || sizes[1] < 0) return WRONG;
  if (sizes[0] != product({p.batch, p.groups, p.length(), width}) || sizes[1] != product({p.batch, samples})) return WRONG;
  if (!lay && (shift > 0 || samples - shift > p.groups * width * p.segment * p.hop)) return WRONG;
  build_of(width).carry(p, waves, rows, shift, samples, lay);
  return DONE;
}
// Carry out iterations. The memory of the job is written over, unless something in it has another size.
API int32_t specinv_run(const Plan *plan, int64_t width, const Job *job) try {
  const Plan &p = *plan;
  if (!build_of(width).work || !fits(p, width, *job)) return WRONG;
  // for each thread a transform, and room for the samples just ahead of the frames and the bands or, on the way back, a
  // spectrum; or for a variable, or for the sums
  const int64_t spectrum = job->rule == RETURN ? p.bins : 0;
  const int64_t samples = 4 * std::max(p.support + p.turns * p.hop + spectrum, p.bins) * width;
  const int64_t ahead = samples + room(job->bank, p.bins, width);
  const Scratch scratch(p.threads, 2 * p.n_fft * width + std::max(ahead, p.most_sums));
  Caller caller(job->main != 0);
  in_threads(p.threads, std::max(p.batch, p.groups), [&](Member &member) {
    build_of(width).work(p, *job, caller, member, scratch.of(member.thread));
  }, &caller);
  return caller.interrupted() ? STOPPED : DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
// Make smooth powers (frames, bins) of sums (frames, bands) by so many updates. The bins of the bank are in their own
// order; `sizes` has the floats that there are of sums and of powers.
API int32_t specinv_smooth(const Bank *bank, int64_t width, int64_t bins, int64_t frames, int64_t updates,
                           int64_t threads, const float *sums, float *powers, const int64_t *sizes) try {
  const Bank &b = *bank;
  if (!build_of(width).smooth || bins < 1 || frames < 1 || threads < 1 || !fits(b, bins, 0)) return WRONG;
  if (sizes[0] != product({frames, b.bands}) || sizes[1] != product({frames, bins})) return WRONG;
  const Scratch scratch(threads, room(bank, bins, width) + 2 * b.bands * width);
  const int64_t at_a_time = 2 * width, parts = (frames + at_a_time - 1) / at_a_time;
  in_threads(threads, parts, [&](Member &member) {
    member.each(parts, [&](int64_t part) {
      build_of(width).smooth(b, bins, updates, frames, part * at_a_time, sums, powers, scratch.of(member.thread));
    });
  });
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
// Take in a frame of each stream.
API int32_t specinv_push(const Plan *plan, int64_t width, const Push *push) try {
  const Plan &p = *plan;
  const Push &q = *push;
  if (!build_of(width).push || q.past < 0 || q.active() < 1 || q.count < 0 || (q.count && !q.rows)) return WRONG;
  const int64_t rows = product({q.streams, q.places}), samples = product({q.streams, q.size(p)});
  const int64_t needed[] = {product({q.streams, p.bins}), q.streams, rows, product({rows, p.bins}),
                            product({rows, p.bins, 2}), samples, samples, product({q.streams, p.hop})};
  if (!std::equal(std::begin(needed), std::end(needed), q.sizes)) return WRONG;
  if (std::any_of(needed, std::end(needed), [](int64_t size) { return size < 1; })) return WRONG;
  const Scratch scratch(p.threads, build_of(width).room(p, q));
  const int64_t parts = (q.streams + width - 1) / width;
  in_threads(p.threads, parts, [&](Member &member) {
    member.each(parts, [&](int64_t part) { build_of(width).push(p, q, part * width, scratch.of(member.thread)); });
  });
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
}
