// Phase inversion by lanes: V floats at a time, whatever V is. native.cpp includes this file once for each instruction
// set, inside a namespace of its own.
//
// A lane of a SIMD register owns a segment: some successive frames of an item. V segments make a group, and whatever a
// group has is stored lane innermost, so that "sample j of the segment" is one vector. A frame then is a run of vectors,
// and no data ever moves across lanes, but for the few samples that neighbouring segments share (see join).
//
//   waves       [item][group][sample][lane]            the frames of a segment reach `margin` samples into the next one
//   magnitude   [item][group][turn][pair][bin][2][lane]
//   variables   [item][group][turn][pair][bin][2][re, im][lane]
//
// A pair are two frames of one turn: they are the real and the imaginary part of one complex transform. It runs in
// place, by frequency forwards and by time backwards, and leaves the bins in the order of reversed digits. A rule for
// single bins does not mind, so magnitudes and variables are stored in that order, but for the two real bins, which come
// last, and nothing is ever sorted.

typedef float vec __attribute__((vector_size(4 * V)));

struct cvec {
  vec re, im;
};

INLINE vec all(float x) { return x - vec{}; }
INLINE cvec operator+(cvec a, cvec b) { return {a.re + b.re, a.im + b.im}; }
INLINE cvec operator-(cvec a, cvec b) { return {a.re - b.re, a.im - b.im}; }
INLINE cvec operator*(float s, cvec a) { return {s * a.re, s * a.im}; }
INLINE cvec operator*(vec s, cvec a) { return {s * a.re, s * a.im}; }

// 1 / |a|; of silence something finite, the same as elsewhere in the package
INLINE vec reciprocal(cvec a) {
  vec squares = a.re * a.re + a.im * a.im + 1e-20f, root;
  for (int lane = 0; lane < V; lane++) root[lane] = 1 / __builtin_sqrtf(squares[lane]);
  return root;
}

// ---- The Fourier transform ------------------------------------------------------------------------------------------

// Signs are part of the formulas: a number from memory is free to multiply with, a negated one is not.
template <bool INVERSE> INLINE cvec quarter_turn(cvec a) { return INVERSE ? cvec{-a.im, a.re} : cvec{a.im, -a.re}; }

template <bool INVERSE> INLINE cvec twiddle(cvec a, const float *w) {
  const vec c = all(w[0]), s = all(w[1]);
  return INVERSE ? cvec{a.re * c + a.im * s, a.im * c - a.re * s} : cvec{a.re * c - a.im * s, a.im * c + a.re * s};
}

template <int R, bool INVERSE> INLINE void small_transform(cvec *a) {
  if constexpr (R == 2) {
    const cvec difference = a[0] - a[1];
    a[0] = a[0] + a[1];
    a[1] = difference;
  }
  if constexpr (R == 3) {
    const cvec sum = a[1] + a[2], middle = a[0] - 0.5f * sum;
    const cvec side = quarter_turn<INVERSE>(0.866025404f * (a[1] - a[2]));
    a[0] = a[0] + sum;
    a[1] = middle + side;
    a[2] = middle - side;
  }
  if constexpr (R == 4) {
    const cvec even = a[0] + a[2], other = a[0] - a[2];
    const cvec odd = a[1] + a[3], turned = quarter_turn<INVERSE>(a[1] - a[3]);
    a[0] = even + odd;
    a[1] = other + turned;
    a[2] = even - odd;
    a[3] = other - turned;
  }
  if constexpr (R == 5) {
    const float c1 = 0.309016994f, c2 = -0.809016994f, s1 = 0.951056516f, s2 = 0.587785252f;
    const cvec outer = a[1] + a[4], inner = a[2] + a[3], far = a[1] - a[4], near = a[2] - a[3];
    const cvec p = a[0] + c1 * outer + c2 * inner, q = a[0] + c2 * outer + c1 * inner;
    const cvec u = quarter_turn<INVERSE>(s1 * far + s2 * near), v = quarter_turn<INVERSE>(s2 * far - s1 * near);
    a[0] = a[0] + outer + inner;
    a[1] = p + u;
    a[4] = p - u;
    a[2] = q + v;
    a[3] = q - v;
  }
  if constexpr (R == 8) {
    cvec even[4] = {a[0], a[2], a[4], a[6]}, odd[4] = {a[1], a[3], a[5], a[7]};
    small_transform<4, INVERSE>(even);
    small_transform<4, INVERSE>(odd);
    const cvec first = quarter_turn<INVERSE>(odd[1]), third = quarter_turn<INVERSE>(odd[3]);
    odd[1] = 0.707106781f * (odd[1] + first);
    odd[2] = quarter_turn<INVERSE>(odd[2]);
    odd[3] = 0.707106781f * (third - odd[3]);
    for (int i = 0; i < 4; i++) {
      a[i] = even[i] + odd[i];
      a[i + 4] = even[i] - odd[i];
    }
  }
}

// One stage of all the blocks of `size` points among the n points of x.
template <int R, bool INVERSE> void butterflies(cvec *x, int64_t n, int64_t size, const float *twiddles) {
  const int64_t stride = size / R;
  for (cvec *end = x + n; x < end; x += size) {
    const float *w = twiddles;
    for (int64_t k = 0; k < stride; k++, w += 2 * (R - 1)) {
      cvec a[R];
      a[0] = x[k];
      for (int j = 1; j < R; j++)
        a[j] = INVERSE && stride > 1 ? twiddle<true>(x[k + j * stride], w + 2 * (j - 1)) : x[k + j * stride];
      small_transform<R, INVERSE>(a);
      x[k] = a[0];
      for (int j = 1; j < R; j++)
        x[k + j * stride] = !INVERSE && stride > 1 ? twiddle<false>(a[j], w + 2 * (j - 1)) : a[j];
    }
  }
}

template <bool INVERSE> void stage(cvec *x, int64_t n, int64_t size, int64_t radix, const float *twiddles) {
  switch (radix) {
    case 2: return butterflies<2, INVERSE>(x, n, size, twiddles);
    case 3: return butterflies<3, INVERSE>(x, n, size, twiddles);
    case 4: return butterflies<4, INVERSE>(x, n, size, twiddles);
    case 5: return butterflies<5, INVERSE>(x, n, size, twiddles);
    case 8: return butterflies<8, INVERSE>(x, n, size, twiddles);
  }
}

// Depth first while a block is larger than half of a small cache, then stage after stage.
template <bool INVERSE>
void transform(cvec *x, int64_t n, int64_t size, const int64_t *radices, const float *twiddles) {
  if (size == 1) return;
  const int64_t part = size / *radices;
  const float *next = twiddles + 2 * (*radices - 1) * part;
  if (!INVERSE) stage<false>(x, n, size, *radices, twiddles);
  if (n * (int64_t)sizeof(cvec) <= 16384) transform<INVERSE>(x, n, part, radices + 1, next);
  else
    for (int64_t j = 0; j < n; j += part) transform<INVERSE>(x + j, part, part, radices + 1, next);
  if (INVERSE) stage<true>(x, n, size, *radices, twiddles);
}

// ---- Rules: what happens to a bin of both frames of a pair ----------------------------------------------------------

struct Block {  // what a rule finds for the bins of a pair
  const vec *magnitude;
  cvec *variable, *memory;
  vec present[2];  // 1 where a lane has the frame, 0 where it lies behind the end
  bool whole;      // whether all lanes have both
};

// Of the frames that are `segment` apart, one in each lane, those among the next `count`
INLINE vec present(int64_t count, int64_t segment) {
  vec found = {};
  for (int lane = 0; lane < V; lane++) found[lane] = lane * segment < count;
  return found;
}

struct Project {  // Griffin-Lim
  static constexpr bool ANALYSES = true;
  INLINE static void bin(cvec *a, int64_t i, const Block &at, const Row &) {
    for (int f = 0; f < 2; f++) a[f] = (at.magnitude[2 * i + f] * reciprocal(a[f])) * a[f];
  }
};

struct Answer {  // the projected variable itself, whatever the wave is
  static constexpr bool ANALYSES = false;
  INLINE static void bin(cvec *a, int64_t i, const Block &at, const Row &) {
    for (int f = 0; f < 2; f++) {
      const cvec c = at.variable[2 * i + f];
      a[f] = (at.magnitude[2 * i + f] * reciprocal(c)) * c;
    }
  }
};

template <bool MEMORY> struct Relax {  // see Row
  static constexpr bool ANALYSES = true;
  INLINE static void bin(cvec *a, int64_t i, const Block &at, const Row &row) {
    for (int f = 0; f < 2; f++) {
      const vec S = at.magnitude[2 * i + f];
      cvec &variable = at.variable[2 * i + f], c = variable;
      const vec gain = S * reciprocal(c);
      cvec t = row.q * a[f] + (row.r + row.p * gain) * c;
      if (MEMORY) {
        cvec &memory = at.memory[2 * i + f];
        const cvec m = memory;
        t = t + row.s * m;
        memory = t;
        variable = row.x * t + row.y * m + (row.z * gain) * c;
      } else
        variable = t;
      c = variable;
      a[f] = (row.e * S * reciprocal(c) + row.f) * c;
      if (MEMORY) a[f] = a[f] + row.g * t;
    }
  }
};

// ---- A trip: from a wave to the spectra of the next one -------------------------------------------------------------

struct Item {
  vec *now, *out;  // the wave that was made last, and the one to be made, which holds an older one
  const vec *magnitude;
  vec *variable, *memory;
  int64_t frames;
};

INLINE void keep_present(cvec *frame, int64_t size, const Block &at) {
  for (int64_t j = 0; j < size; j++) frame[j] = {at.present[0] * frame[j].re, at.present[1] * frame[j].im};
}

template <class Rule> void pair(const Plan &p, cvec *z, const vec *in, vec *out, const Block &at, const Row &row) {
  const int64_t shift = p.turns * p.hop, size = p.support;
  cvec *frame = z + p.first;
  if (Rule::ANALYSES) {
    for (int64_t j = 0; j < p.first; j++) z[j] = cvec{};
    for (int64_t j = 0; j < size; j++) frame[j] = p.window[j] * cvec{in[j], in[j + shift]};
    // next to a faint last frame, rounding errors of what is no frame would be heard
    if (!at.whole) keep_present(frame, size, at);
    for (int64_t j = p.first + size; j < p.n_fft; j++) z[j] = cvec{};
    transform<false>(z, p.n_fft, p.n_fft, p.radices, p.twiddles);
  }
  const int32_t *place = p.places;
  int64_t i = 0;
  for (; i < p.bins - 2; i++, place += 2) {
    // bins k and n_fft - k of the transform are made of bin k of both frames; the window halves the sums
    const cvec u = z[place[0]], v = z[place[1]];
    cvec a[2] = {{u.re + v.re, u.im - v.im}, {u.im + v.im, v.re - u.re}};
    Rule::bin(a, i, at, row);
    z[place[0]] = {a[0].re - a[1].im, a[0].im + a[1].re};
    z[place[1]] = {a[0].re + a[1].im, a[1].re - a[0].im};
  }
  for (; i < p.bins; i++, place += 2) {  // 0 and n_fft / 2 are real
    const cvec u = z[place[0]];
    cvec a[2] = {{u.re + u.re, vec{}}, {u.im + u.im, vec{}}};
    Rule::bin(a, i, at, row);
    z[place[0]] = {a[0].re, a[1].re};
  }
  transform<true>(z, p.n_fft, p.n_fft, p.radices, p.twiddles);
  if (!at.whole) keep_present(frame, size, at);
  const float *w = p.synthesis;
  const int64_t both = std::min(shift, size);
  for (int64_t j = 0; j < both; j++) out[j] += w[j] * frame[j].re;
  for (int64_t j = shift; j < size; j++) out[j] += w[j] * frame[j].re + w[j - shift] * frame[j - shift].im;
  for (int64_t j = std::max(shift, size); j < size + shift; j++) out[j] += w[j - shift] * frame[j - shift].im;
}

// All frames of one turn of a group. Just ahead of the frames the mix of both waves is made for them, and the older
// one, not needed any more, is cleared for what they come to.
template <class Rule>
void sweep(const Plan &p, const Item &item, int64_t group, int64_t turn, const Row &row, const Job &job, vec *scratch) {
  cvec *z = (cvec *)scratch;
  vec *mixed = scratch + 2 * p.n_fft;
  const int64_t length = p.segment * p.hop + p.margin(), need = p.support + p.turns * p.hop, room = 4 * need;
  const vec *now = item.now + group * length;
  vec *out = item.out + group * length;
  const int64_t pairs = p.segment / (2 * p.turns);
  for (int64_t i = 0, ready = 0, from = 0; i < pairs; i++) {
    if (job.stopped()) return;
    const int64_t frame = turn + 2 * p.turns * i, at = frame * p.hop, to = std::min(at + need, length);
    if (to - from > room) {
      std::memmove(mixed, mixed + at - from, (ready - at) * sizeof(vec));
      from = at;
    }
    for (; ready < to; ready++) {
      if (Rule::ANALYSES) mixed[ready - from] = row.u * now[ready] + row.v * out[ready];
      out[ready] = vec{};
    }
    const int64_t begin = ((group * p.turns + turn) * pairs + i) * p.bins * 2;
    const int64_t left = item.frames - frame - group * V * p.segment;
    const Block block{item.magnitude + begin, (cvec *)item.variable + begin, (cvec *)item.memory + begin,
                      {present(left, p.segment), present(left - p.turns, p.segment)}, left > p.turns + (V - 1) * p.segment};
    pair<Rule>(p, z, mixed + at - from, out + at, block, row);
    if (i == pairs - 1)
      for (; ready < length; ready++) out[ready] = vec{};
  }
}

// ---- Between two trips ----------------------------------------------------------------------------------------------

// The head of each segment += the tail of the one before it.
INLINE void add_tails(const Plan &p, vec *wave, int64_t begin, int64_t end) {
  const int64_t own = p.segment * p.hop * V, length = own + p.margin() * V;
  for (int64_t group = begin; group < end; group++) {
    float *head = (float *)wave + group * length;
    const float *tail = head + own;
    for (int64_t j = 0; j < length - own; j += V) {
      for (int lane = 1; lane < V; lane++) head[j + lane] += tail[j + lane - 1];
      if (group > 0) head[j] += tail[j + V - 1 - length];
    }
  }
}

// The tail of each segment = the head of the one behind it.
INLINE void copy_heads(const Plan &p, vec *wave, int64_t begin, int64_t end) {
  const int64_t own = p.segment * p.hop * V, length = own + p.margin() * V;
  for (int64_t group = begin; group < end; group++) {
    const float *head = (float *)wave + group * length;
    float *tail = (float *)wave + group * length + own;
    for (int64_t j = 0; j < length - own; j += V) {
      for (int lane = 1; lane < V; lane++) tail[j + lane - 1] = head[j + lane];
      if (group + 1 < p.groups) tail[j + V - 1] = head[j + length];
    }
  }
}

// What the padding of the waveform asks for: sums of a few samples, each written to one or several places.
INLINE void set_edges(const Plan &p, int64_t item, float *wave, float *sums) {
  const int64_t *range = p.edges + 4 * item;
  for (int64_t i = range[0]; i < range[1]; i++) {
    float sum = 0;
    for (int64_t term = p.sums[i]; term < p.sums[i + 1]; term++) sum += p.weights[term] * wave[p.terms[term]];
    sums[i - range[0]] = sum;
  }
  for (int64_t i = range[2]; i < range[3]; i++) wave[p.places_to_fill[i]] = sums[p.fillings[i]];
}

template <class Rule> void iterate(const Plan &p, const Job &job, int64_t thread, int64_t threads, Gate &common, vec *scratch) {
  Gate own{1};
  Gate &gate = p.shared ? common : own;
  const int64_t team = gate.size, member = thread % team, crews = threads / team;
  const int64_t length = p.groups * (p.segment * p.hop + p.margin()), spectrum = p.groups * p.segment * p.bins;
  const int64_t begin = p.groups * member / team, end = p.groups * (member + 1) / team;
  for (int64_t i = thread / team; i < p.batch; i += crews)
    for (int64_t trip = 0; trip < job.count * p.turns; trip++) {
      const Row &row = job.rows[trip / p.turns];
      Item item{(vec *)job.waves[trip % 2] + i * length, (vec *)job.waves[1 - trip % 2] + i * length,
                (const vec *)job.magnitude + i * spectrum, (vec *)job.variable + 2 * i * spectrum,
                (vec *)job.memory + 2 * i * spectrum, p.frames[i]};
      for (int64_t group = begin; group < end; group++)
        sweep<Rule>(p, item, group, trip % p.turns, row, job, scratch);
      gate.wait();
      add_tails(p, item.out, begin, end);
      gate.wait();
      if (member == 0) {
        set_edges(p, i, (float *)item.out, (float *)(scratch + 2 * p.n_fft));
        gate.leave = job.stopped();
      }
      gate.wait();
      if (gate.leave) return;
      copy_heads(p, item.out, begin, end);
    }
}

void work(const Plan &p, const Job &job, int64_t thread, int64_t threads, Gate &common, float *scratch) {
  auto run = job.rule == ANSWER ? iterate<Answer> : job.rule == PROJECT ? iterate<Project>
           : job.rule == RELAX ? iterate<Relax<false>> : iterate<Relax<true>>;
  run(p, job, thread, threads, common, (vec *)scratch);
}

// ---- In and out -----------------------------------------------------------------------------------------------------

// Between (batch, frames, bins) of `parts` numbers and the lanes.
void pack(const Plan &p, float *packed, float *plain, int64_t frames, int64_t parts, bool unpack) {
  const int64_t pairs = p.segment / (2 * p.turns);
  for (int64_t block = 0; block < p.batch * p.groups * p.turns * pairs; block++) {
    const int64_t pair = block % pairs, turn = block / pairs % p.turns, group = block / pairs / p.turns % p.groups;
    const int64_t item = block / pairs / p.turns / p.groups;
    for (int64_t lane = 0; lane < V; lane++)
      for (int64_t f = 0; f < 2; f++) {
        const int64_t frame = (group * V + lane) * p.segment + turn + p.turns * (2 * pair + f);
        if (frame >= frames) continue;
        float *here = packed + (block * p.bins * 2 + f) * parts * V + lane, *there = plain + (item * frames + frame) * p.bins * parts;
        for (int64_t i = 0; i < p.bins; i++, here += 2 * parts * V)
          for (int64_t part = 0; part < parts; part++) {
            const int64_t bin = p.order[i];
            if (unpack) there[bin * parts + part] = here[part * V];
            else here[part * V] = there[bin * parts + part];
          }
      }
  }
}
