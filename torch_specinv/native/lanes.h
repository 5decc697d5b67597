// Phase inversion by lanes: V floats at a time. native.cpp includes this file once for each instruction set, in a
// namespace of its own.
//
// A lane of a SIMD register owns a segment: some successive frames of an item. V segments make a group, and whatever a
// group has is stored lane innermost, so that "sample j of the segment" is a vector, and a frame a run of vectors. No
// data ever moves across lanes, but for the samples that neighbouring segments share (see join).
//
//   waves       [item][group][sample][lane]            the frames of a segment reach `margin` samples into the next one
//   magnitude   [item][group][turn][pair][bin][2][lane]
//               of a bank [item][group][turn][pair][band][2][lane]
//   variables   [item][group][turn][pair][bin][2][re, im][lane]
//
// A pair are two frames of one turn: the real and the imaginary part of one complex transform, which leaves the bins in
// the order of reversed digits. A rule for single bins does not mind, so spectra are stored in that order, the one or two
// real bins last, and nothing is ever sorted.
#include "fourier.h"

// 1 / |a| and 1 / |b|, with a single division; of silence something finite, the same as elsewhere in the package
struct Two { vec of[2]; };
INLINE vec root(vec x) {
  for (int lane = 0; lane < V; lane++) x[lane] = __builtin_sqrtf(x[lane]);
  return x;
}
INLINE Two reciprocals(cvec a, cvec b) {
  const vec u = root(a.re * a.re + a.im * a.im + 1e-20f), v = root(b.re * b.re + b.im * b.im + 1e-20f);
  const vec both = 1 / (u * v);
  return {{both * v, both * u}};
}
// By what both frames are to be multiplied, so that they have given magnitudes
INLINE Two gains_to(const vec *magnitude, const cvec *a) {
  const Two inverse = reciprocals(a[0], a[1]);
  return {{magnitude[0] * inverse.of[0], magnitude[1] * inverse.of[1]}};
}

// ---- Rules: what happens to a bin of both frames of a pair ----------------------------------------------------------
struct Spectra {  // null where a rule has none
  const vec *magnitude;  // or what is known of the bands of a bank
  cvec *variable, *memory;
  const vec *fresh = nullptr;  // of both frames, 1 in lanes where they are new
  const Bank *bank = nullptr;
  vec *gains = nullptr, *sums = nullptr;  // see bands.h
  bool begins = false;                    // whether the gains of the variable are not known yet
  vec *gradient = nullptr;                // of the magnitude
  INLINE Spectra from(int64_t pair, int64_t bins) const {
    Spectra from = *this;
    from.magnitude += 2 * pair * (bank ? bank->bands : bins);
    if (variable) from.variable += 2 * pair * bins;
    if (memory) from.memory += 2 * pair * bins;
    if (gains) from.gains += 2 * pair * bins;
    if (gradient) from.gradient += 2 * pair * bins;
    return from;
  }
};

struct Project {  // Griffin-Lim
  static constexpr bool ANALYSES = true, SYNTHESISES = true, RELAXES = false;
  INLINE static void finish(cvec *a, int64_t, const Spectra &, const Row &, const Two &gains) {
    for (int f = 0; f < 2; f++) a[f] = gains.of[f] * a[f];
  }
  INLINE static void bin(cvec *a, int64_t i, const Spectra &at, const Row &row) {
    finish(a, i, at, row, gains_to(at.magnitude + 2 * i, a));
  }
};

struct Answer : Project {  // the projected variable, whatever the wave is
  static constexpr bool ANALYSES = false;
  INLINE static void bin(cvec *a, int64_t i, const Spectra &at, const Row &row) {
    for (int f = 0; f < 2; f++) a[f] = at.variable[2 * i + f];
    Project::bin(a, i, at, row);
  }
};
struct Begin : Answer {};  // the same of a variable that is made of the magnitude and of phases

// The projected variable, which is kept; where frames are FRESH, after what the wave says of them has been added. Once
// more where it was almost nothing, and so fell short.
template <bool FRESH> struct Settle {
  static constexpr bool ANALYSES = FRESH, SYNTHESISES = true;
  INLINE static void bin(cvec *a, int64_t i, const Spectra &at, const Row &row) {
    for (int f = 0; f < 2; f++) a[f] = at.variable[2 * i + f] + (FRESH ? at.fresh[f] * a[f] : cvec{});
    for (int times = 0; times < 2; times++) Project::bin(a, i, at, row);
    for (int f = 0; f < 2; f++) at.variable[2 * i + f] = a[f];
  }
};

struct Measure : Project {  // add up squared distances from the magnitude, see all_bins
  static constexpr bool SYNTHESISES = false;
  INLINE static void bin(cvec *a, int64_t i, const Spectra &at, const Row &) {
    const Two inverse = reciprocals(a[0], a[1]);
    for (int f = 0; f < 2; f++) {
      const vec gap = (a[f].re * a[f].re + a[f].im * a[f].im) * inverse.of[f] - at.magnitude[2 * i + f];
      at.variable->re += gap * gap;
    }
  }
};

// See Row; of the memory, 0 nothing is used, 1 only x and y, for momentum, 2 everything.
template <int MEMORY> struct Relax {
  static constexpr bool ANALYSES = true, SYNTHESISES = true, RELAXES = true;
  INLINE static void renew(const cvec *a, int64_t i, const Spectra &at, const Row &row, const Two &gains) {
    cvec *c = at.variable + 2 * i, *m = MEMORY ? at.memory + 2 * i : nullptr;
    for (int f = 0; f < 2; f++) {
      cvec t = row.q * a[f] + (row.r + row.p * gains.of[f]) * c[f];
      if (MEMORY) {
        const cvec last = m[f];
        m[f] = t = MEMORY == 2 ? t + row.s * last : t;
        t = row.x * t + row.y * last;
        if (MEMORY == 2) t = t + (row.z * gains.of[f]) * c[f];
      }
      c[f] = t;
    }
  }
  INLINE static void finish(cvec *a, int64_t i, const Spectra &at, const Row &row, const Two &gains) {
    for (int f = 0; f < 2; f++) {
      a[f] = (row.e * gains.of[f] + row.f) * at.variable[2 * i + f];
      if (MEMORY == 2) a[f] = a[f] + row.g * at.memory[2 * i + f];
    }
  }
  INLINE static void bin(cvec *a, int64_t i, const Spectra &at, const Row &row) {
    const vec *S = at.magnitude + 2 * i;
    renew(a, i, at, row, gains_to(S, at.variable + 2 * i));
    finish(a, i, at, row, gains_to(S, at.variable + 2 * i));
  }
};

#include "adjoint.h"

// ---- A trip: from a wave to the spectra of the next one -------------------------------------------------------------
// Let frames that lie behind the end be silent: next to a faint last frame, their rounding errors would be heard.
void keep_present(const Plan &p, cvec *frame, int64_t left) {
  vec first = {}, second = {};
  for (int lane = 0; lane < V; lane++)
    first[lane] = lane * p.segment < left, second[lane] = lane * p.segment < left - p.turns;
  for (int64_t j = 0; j < p.support; j++) frame[j] = {first * frame[j].re, second * frame[j].im};
}
// Visit each bin of both frames of a pair, in the order of spectra; where asked to, write what becomes of it.
template <bool WRITES, class Visit> INLINE void each_bin(const Plan &p, cvec *z, Visit visit) {
  const int32_t *place = p.places;
  int64_t i = 0;
  for (; i < p.bins - p.reals(); i++, place += 2) {
    // bins k and n_fft - k of the transform are made of bin k of both frames; the window halves the sums
    const cvec u = z[place[0]], v = z[place[1]];
    cvec a[2] = {{u.re + v.re, u.im - v.im}, {u.im + v.im, v.re - u.re}};
    visit(a, i);
    if (!WRITES) continue;
    z[place[0]] = {a[0].re - a[1].im, a[0].im + a[1].re};
    z[place[1]] = {a[0].re + a[1].im, a[1].re - a[0].im};
  }
  for (; i < p.bins; i++, place += 2) {  // those of real frames are real
    const cvec u = z[place[0]];
    cvec a[2] = {{u.re + u.re, vec{}}, {u.im + u.im, vec{}}};
    visit(a, i);
    if (WRITES) z[place[0]] = {a[0].re, a[1].re};
  }
}
template <class Rule> void all_bins(Rule, const Plan &p, cvec *z, const Spectra &spectra, const Row &row) {
  Spectra ends = spectra;
  constexpr bool MEASURES = std::is_same_v<Rule, Measure>;
  if (MEASURES) ends.variable = (cvec *)&spectra.variable->im;  // the sum for real bins
  each_bin<true>(p, z, [&](cvec *a, int64_t i) { Rule::bin(a, i, MEASURES && i >= p.bins - p.reals() ? ends : spectra, row); });
}
#include "bands.h"
// From a pair of windowed frames to those of the next wave, in place.
template <class Rule> void turn_over(const Plan &p, cvec *z, const Spectra &spectra, const Row &row) {
  if (Rule::ANALYSES) transform<false>(z, p.n_fft, p.n_fft, p.radices, p.twiddles);
  all_bins(Rule{}, p, z, spectra, row);
  if (Rule::SYNTHESISES) transform<true>(z, p.n_fft, p.n_fft, p.radices, p.twiddles);
}
// A pair of frames; there are `left` in all from the first of them on.
template <class Rule>
void trip(const Plan &p, cvec *z, const vec *in, vec *out, Spectra spectra, int64_t left, const Row &row) {
  const int64_t shift = p.turns * p.hop, size = p.support;
  const bool whole = left > p.turns + (V - 1) * p.segment;
  cvec *frame = z + p.first;
  if (Rule::ANALYSES) {
    for (int64_t j = 0; j < p.first; j++) z[j] = cvec{};
    for (int64_t j = 0; j < size; j++) frame[j] = p.window[j] * cvec{in[j], in[j + shift]};
    for (int64_t j = p.first + size; j < p.n_fft; j++) z[j] = cvec{};
    if (!whole) keep_present(p, frame, left);
  }
  turn_over<Rule>(p, z, spectra, row);
  if (!Rule::SYNTHESISES) return;
  if (!whole) keep_present(p, frame, left);
  const float *w = p.synthesis;
  const int64_t both = std::min(shift, size);
  for (int64_t j = 0; j < both; j++) out[j] += w[j] * frame[j].re;
  for (int64_t j = shift; j < size; j++) out[j] += w[j] * frame[j].re + w[j - shift] * frame[j - shift].im;
  for (int64_t j = std::max(shift, size); j < size + shift; j++) out[j] += w[j - shift] * frame[j - shift].im;
}

// ---- From rows of numbers to lanes, and back ------------------------------------------------------------------------
// Rows (frames, bins, parts) of the frames of a segment's pair in each lane; those of frames that are not there are 0.
struct Rows {
  const float *at[V];
  bits there = {};
  INLINE Rows(const Plan &p, const float *plain, int64_t frames, int64_t size, int64_t first) {
    for (int64_t lane = 0; lane < V; lane++) {
      const int64_t frame = first + lane * p.segment;
      at[lane] = plain + std::min(frame, frames - 1) * size, there[lane] = frame < frames ? ~0u : 0;
    }
  }
  INLINE vec operator[](int64_t i) const {
    vec x;
    for (int lane = 0; lane < V; lane++) x[lane] = at[lane][i];
    return (vec)((bits)x & there);
  }
};

// Lay out (batch, frames, bins) of `parts` numbers in lanes, or take them `out` of the lanes.
void pack(const Plan &p, float *packed, float *plain, int64_t frames, int64_t parts, bool out) {
  const int64_t pairs = p.segment / (2 * p.turns), size = p.bins * parts;
  vec *to = (vec *)packed;
  for (int64_t item = 0; item < p.batch; item++, plain += frames * size)
    for (int64_t group = 0; group < p.groups; group++)
      for (int64_t turn = 0; turn < p.turns; turn++)
        for (int64_t pair = 0; pair < pairs; pair++, to += 2 * size)
          for (int64_t f = 0; f < 2; f++) {
            const int64_t first = group * V * p.segment + turn + p.turns * (2 * pair + f);
            const Rows rows(p, plain, frames, size, first);
            for (int64_t i = 0; !out && i < p.bins; i++)
              for (int64_t part = 0; part < parts; part++)
                to[(2 * i + f) * parts + part] = rows[p.order[i] * parts + part];
            for (int64_t lane = 0; out && lane < V && first + lane * p.segment < frames; lane++)
              for (int64_t i = 0; i < p.bins; i++)
                for (int64_t part = 0; part < parts; part++)
                  plain[(first + lane * p.segment) * size + p.order[i] * parts + part] = to[(2 * i + f) * parts + part][lane];
          }
}

// Copy samples of waves out of the lanes to rows, or into the lanes with what segments reach into the next ones. Sample n
// of an item in the lanes is sample n + shift of its row.
void carry(const Plan &p, float *waves, float *rows, int64_t shift, int64_t samples, bool lay) {
  const int64_t own = p.segment * p.hop, size = lay ? p.length() : own, block = 128;
  for (int64_t item = 0; item < p.batch; item++, rows += samples)
    for (int64_t group = 0; group < p.groups; group++, waves += p.length() * V)
      for (int64_t begin = 0; begin < size; begin += block)
        for (int64_t lane = 0; lane < V; lane++) {
          const int64_t at = (group * V + lane) * own + shift, end = std::min(std::min(begin + block, size), samples - at);
          for (int64_t j = std::max(begin, -at); j < end; j++)
            if (lay) waves[j * V + lane] = rows[at + j];
            else rows[at + j] = waves[j * V + lane];
        }
}

// e^(ix): the nearest quarter of a turn, and polynomials for what remains.
INLINE cvec unit(vec x) {
  const float magic = 12582912;  // the lowest bits of whole numbers to which it is added are those of the numbers
  const vec sum = 0.636619772f * x + magic, quarters = sum - magic;
  const vec r = x - quarters * 1.5703125f - quarters * 4.837512969970703e-4f - quarters * 7.54978995489e-8f, s = r * r;
  const vec sine = ((-1.9515295891e-4f * s + 8.3321608736e-3f) * s - 0.16666654611f) * s * r + r;
  const vec cosine = ((2.443315711809948e-5f * s - 1.388731625493765e-3f) * s + 4.166664568298827e-2f) * s * s - 0.5f * s + 1;
  const bits q = (bits)sum, odd = -(q & 1), a = (bits)cosine, b = (bits)sine;
  return {(vec)(((b & odd) | (a & ~odd)) ^ ((q + 1) & 2) << 30), (vec)(((a & odd) | (b & ~odd)) ^ (q & 2) << 30)};
}

// The variable of a pair of frames: the magnitude at phases in radians, and real where spectra of real frames are.
INLINE void fill(const Plan &p, const Spectra &at, const Rows &first, const Rows &second) {
  for (int64_t i = 0; i < p.bins; i++)
    for (int f = 0; f < 2; f++) {
      cvec turn = unit((f ? second : first)[p.order[i]]);
      if (i >= p.bins - p.reals()) turn = {(vec)((bits)all(1) | ((bits)turn.re & 1u << 31)), vec{}};
      at.variable[2 * i + f] = at.magnitude[2 * i + f] * turn;
    }
}

// ---- All frames -----------------------------------------------------------------------------------------------------
struct Item {
  vec *now, *out;  // the wave that was made last, and the one to be made, which holds an older one
  vec *kept;       // null, or the mix that is analysed: written, or on the way back read
  Spectra spectra;
  int64_t frames;
  const float *phase;
};

// All frames of one turn of a group. Just ahead of the frames the mix of both waves is made for them, and the older
// one, not needed any more, is cleared for what they come to.
template <class Rule>
void sweep(const Plan &p, const Job &job, const Item &item, int64_t group, int64_t turn, const Row &row, Caller &caller,
           int64_t thread, vec *scratch) {
  const int64_t pairs = p.segment / (2 * p.turns), need = p.support + p.turns * p.hop, room = 4 * need;
  const vec *now = item.now + group * p.length();
  vec *out = item.out + group * (Rule::SYNTHESISES ? p.length() : p.segment), *mixed = scratch + 2 * p.n_fft;
  vec *kept = item.kept ? item.kept + group * p.length() : nullptr;
  constexpr bool RETURNS = std::is_same_v<Rule, Return>;
  int64_t ready = 0;
  for (int64_t i = 0, from = 0; i < pairs; i++) {
    if (caller.interrupted(thread)) return;
    const int64_t frame = turn + 2 * p.turns * i, at = frame * p.hop, to = std::min(at + need, p.length());
    if (to - from > room) {
      const int64_t first = std::min(at, ready);  // frames may lie apart
      std::copy(mixed + first - from, mixed + ready - from, mixed);
      from = first;
    }
    for (; ready < to; ready++) {
      if (Rule::ANALYSES) mixed[ready - from] = Rule::SYNTHESISES ? row.u * now[ready] + row.v * out[ready] : now[ready];
      if (!RETURNS && kept) kept[ready] = mixed[ready - from];
      if (Rule::SYNTHESISES) out[ready] = vec{};
    }
    const int64_t left = item.frames - frame - group * V * p.segment;
    Spectra spectra = item.spectra.from((group * p.turns + turn) * pairs + i, p.bins);
    spectra.sums = mixed + room, spectra.begins = &row == job.rows;
    if (!Rule::SYNTHESISES) spectra.variable = (cvec *)out + turn * pairs + i;
    if (RETURNS) {
      spectra.memory = (cvec *)(mixed + room);
      trip<Keep>(p, (cvec *)scratch, kept + at, nullptr, spectra, left, row);
    }
    if (std::is_same_v<Rule, Begin>) {
      if (!spectra.variable) spectra.variable = (cvec *)mixed;
      const auto rows = [&](int64_t f) {
        return Rows(p, item.phase, job.frames, p.bins, group * V * p.segment + frame + f * p.turns);
      };
      fill(p, spectra, rows(0), rows(1));
    }
    trip<Rule>(p, (cvec *)scratch, mixed + at - from, out + at, spectra, left, row);
  }
  for (; Rule::SYNTHESISES && ready < p.length(); ready++) out[ready] = vec{};
}

// ---- Between two trips ----------------------------------------------------------------------------------------------
// The tail of a segment and the head of the next are the same samples: heads += tails, or else tails = heads.
template <bool ADD> INLINE void join(const Plan &p, vec *wave, int64_t group) {
  const int64_t own = p.segment * p.hop * V, length = p.length() * V;
  float *head = (float *)wave + group * length, *tail = head + own;
  for (int64_t j = 0; j < length - own; j += V) {
    for (int lane = 1; lane < V; lane++)
      if (ADD) head[j + lane] += tail[j + lane - 1];
      else tail[j + lane - 1] = head[j + lane];
    if (ADD && group > 0) head[j] += tail[j + V - 1 - length];
    if (!ADD && group + 1 < p.groups) tail[j + V - 1] = head[j + length];
  }
}

// What padding asks for: sums of a few samples, each written to one or several places.
INLINE void set_edges(const Plan &p, int64_t item, float *wave, float *sums) {
  const int64_t *range = p.edges + 4 * item;
  for (int64_t i = range[0]; i < range[1]; i++) {
    float sum = 0;
    for (int64_t term = p.sums[i]; term < p.sums[i + 1]; term++) sum += p.weights[term] * wave[p.terms[term]];
    sums[i - range[0]] = sum;
  }
  for (int64_t i = range[2]; i < range[3]; i++) wave[p.places_to_fill[i]] = sums[p.fillings[i]];
}

template <class Rule> void iterate(const Plan &p, const Job &job, Caller &caller, Member &member, vec *scratch) {
  const int64_t length = p.groups * p.length(), pairs = p.groups * p.segment / 2;
  Spectra all_spectra{(const vec *)job.magnitude, (cvec *)job.variable, (cvec *)job.memory};
  const bool keeps = Rule::RELAXES || !Rule::SYNTHESISES;  // gains, or sums
  if (job.bank) all_spectra.bank = job.bank, all_spectra.gains = (vec *)(keeps ? job.bank->gains : nullptr);
  all_spectra.gradient = (vec *)job.gradient;
  const auto go = [&](int64_t i, Member &member) {
    for (int64_t trip = 0; trip < job.count * p.turns && !caller.interrupted(); trip++) {
      const int64_t which = Rule::SYNTHESISES ? trip % 2 : 0;
      const int64_t number = std::is_same_v<Rule, Return> ? job.count - 1 - trip : trip;
      const int64_t made = Rule::SYNTHESISES ? length : p.groups * p.segment;
      const Item item{(vec *)job.waves[which] + i * length, (vec *)job.waves[1 - which] + i * made,
                      job.kept ? (vec *)job.kept + (number * p.batch + i) * length : nullptr,
                      all_spectra.from(i * pairs, p.bins), p.frames[i], job.phase + i * job.frames * p.bins};
      member.each(p.groups, [&](int64_t group) {
        sweep<Rule>(p, job, item, group, trip % p.turns, job.rows[trip / p.turns], caller, member.thread, scratch);
      });
      if (!Rule::SYNTHESISES) continue;
      member.each(p.groups, [&](int64_t group) { join<true>(p, item.out, group); });
      member.each(1, [&](int64_t) { set_edges(p, i, (float *)item.out, (float *)(scratch + 2 * p.n_fft)); });
      member.each(p.groups, [&](int64_t group) { join<false>(p, item.out, group); });
    }
  };
  // threads share the groups of an item, or have items of their own
  for (int64_t i = 0; p.shared && i < p.batch; i++) go(i, member);
  if (p.shared) return;
  member.each(p.batch, [&](int64_t i) {
    Member alone{nullptr, member.thread};
    go(i, alone);
  });
}

template <template <class> class Of> auto run_of(int64_t rule) {
  return rule == ANSWER ? iterate<Of<Answer>> : rule == PROJECT ? iterate<Of<Project>>
    : rule == MEASURE ? iterate<Of<Measure>> : rule == RELAX ? iterate<Of<Relax<0>>>
    : rule == RELAX_WITH_MOMENTUM ? iterate<Of<Relax<1>>> : iterate<Of<Relax<2>>>;
}
template <class Rule> using Itself = Rule;
void work(const Plan &p, const Job &job, Caller &caller, Member &member, float *scratch) {
  const auto run = job.rule == RETURN ? iterate<Return> : job.rule == BEGIN ? iterate<Begin>
    : job.bank ? run_of<InBands>(job.rule) : run_of<Itself>(job.rule);
  run(p, job, caller, member, (vec *)scratch);
}
#include "online.h"
#undef V
