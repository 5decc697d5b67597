// Frames that arrive one by one: the step of online/core.py. A lane has two active frames of a stream; the waves of a
// stream lie in a row, as its frames overlap and are in different lanes. lanes.h includes this file.

// How many floats V streams need: spectra in lanes, and waves.
int64_t room(const Plan &p, const Push &q) {
  const int64_t pairs = (q.active() + 1) / 2;
  return (2 * p.n_fft + pairs * (10 * p.bins + 2) + q.size(p) * 5 + 1) * V;
}

// Of the streams from `begin` on, at most V.
void push(const Plan &p, const Push &q, int64_t begin, float *memory) {
  const int64_t n = p.n_fft, bins = p.bins, hop = p.hop, size = q.size(p), active = q.active(), pairs = (active + 1) / 2;
  const int64_t streams = std::min<int64_t>(V, q.streams - begin), blocks = (streams * pairs + V - 1) / V;
  const int64_t spectrum = 2 * bins, all = streams * size;
  cvec *z = (cvec *)memory, *variable = z + n, *kept = variable + blocks * spectrum;
  vec *magnitude = (vec *)(kept + blocks * spectrum), *fresh = magnitude + blocks * spectrum;
  float *wave = (float *)(fresh + 2 * blocks), *older = wave + all, *sum = older + all;
  float *known = sum + all, *inverse = known + all, *level = inverse + all;
  std::fill((float *)variable, known, 0.0f);

  const auto here = [&](int64_t s, int64_t i) { return i + 1 < q.places ? q.present[s * q.places + i] : q.arrives[s]; };
  const auto observed = [&](int64_t s, int64_t i) {
    return i + 1 < q.places ? q.target + (s * q.places + i) * bins : q.observed + s * bins;
  };
  // visit(stream, counted from `begin`, active frame, block, lane, first or second frame)
  const auto each_frame = [&](auto visit) {
    for (int64_t s = 0; s < streams; s++)
      for (int64_t i = 0; i < active; i++) {
        const int64_t at = s * pairs + i / 2;
        visit(s, i, at / V, at % V, i % 2);
      }
  };
  const auto cover = [&](bool newest) {  // samples of these frames are divided by the envelope
    for (int64_t s = 0; s < streams; s++) {
      float *envelope = inverse + s * size;
      std::copy_n(q.envelope + (begin + s) * size, size, envelope);
      for (int64_t i = 0; i + !newest < active; i++)
        for (int64_t j = 0; j < n && here(begin + s, q.past + i); j++) envelope[i * hop + j] += q.power[j];
      for (int64_t j = 0; j < size; j++) envelope[j] = 1 / std::max(envelope[j], q.floor);
    }
  };
  // what `frames` of a stream become by a rule, and the committed samples
  const auto trip = [&](auto rule, const Row &row, int64_t frames) {
    using Rule = decltype(rule);
    for (int64_t j = 0; j < all; j++) older[j] = row.u * wave[j] + row.v * older[j], sum[j] = known[j];
    for (int64_t block = 0; block < blocks; block++) {
      const auto each_of_block = [&](auto visit) {
        each_frame([&](int64_t s, int64_t i, int64_t at, int64_t lane, int64_t f) {
          if (at == block && here(begin + s, q.past + i)) visit(s * size + i * hop, i, (float *)z + f * V + lane);
        });
      };
      if (Rule::ANALYSES) {
        std::fill(z, z + n, cvec{});
        each_of_block([&](int64_t from, int64_t, float *to) {
          for (int64_t j = 0; j < n; j++) to[2 * V * j] = p.window[j] * older[from + j];
        });
      }
      const int64_t i = block * spectrum;
      turn_over<Rule>(p, z, {magnitude + i, variable + i, kept + i, fresh + 2 * block}, row);
      each_of_block([&](int64_t to, int64_t i, const float *from) {
        for (int64_t j = 0; j < n && i < frames; j++) sum[to + j] += p.synthesis[j] * from[2 * V * j];
      });
    }
    for (int64_t j = 0; j < all; j++) sum[j] *= inverse[j];
    float *const spare = older;
    older = wave, wave = sum, sum = spare;
  };

  for (int64_t s = 0; s < streams; s++) {
    float largest = 0;
    for (int64_t i = 0; i < active; i++)
      for (int64_t k = 0; k < bins && here(begin + s, q.past + i); k++)
        largest = std::max(largest, observed(begin + s, q.past + i)[k]);
    // frames far below what is committed are nothing beside it, and would make it overflow
    const float *committed = q.committed + (begin + s) * size;
    for (int64_t j = 0; j < size; j++) largest = std::max(largest, 6.7e-16f * std::abs(committed[j]));
    level[s] = largest > 0 ? std::ldexp(1.0f, std::ilogb(std::max(largest, 1.17549435e-38f))) : 1;
    for (int64_t j = 0; j < size; j++) known[s * size + j] = committed[j] / level[s];
  }
  each_frame([&](int64_t s, int64_t i, int64_t block, int64_t lane, int64_t f) {
    const int64_t place = q.past + i;
    const float *target = observed(begin + s, place);
    const float *estimate = q.estimate + ((begin + s) * q.places + place) * spectrum;
    const bool is_new = q.pulse && i + 1 == active;
    fresh[2 * block + f][lane] = is_new;
    for (int64_t k = 0, at = block * spectrum + f; k < bins && here(begin + s, place); k++, at += 2) {
      const float *from = (is_new ? q.pulse : estimate) + 2 * p.order[k], size = target[p.order[k]] / level[s];
      magnitude[at][lane] = size;
      variable[at].re[lane] = is_new ? size * from[0] : from[0] / level[s];
      variable[at].im[lane] = is_new ? size * from[1] : from[1] / level[s];
    }
  });

  cover(!q.pulse || !q.asymmetric);
  trip(Answer{}, {}, q.pulse ? active - 1 : active);
  if (q.pulse && q.asymmetric) cover(true);
  if (q.pulse) trip(Settle<true>{}, {1}, active);
  for (int64_t i = 0; i < q.count; i++) {
    if (q.rule == PROJECT && i + 1 < q.count) trip(Project{}, q.rows[i], active);
    else if (q.rule <= RELAX) trip(Relax<0>{}, q.rows[i], active);
    else if (q.rule == RELAX_WITH_MOMENTUM) trip(Relax<1>{}, q.rows[i], active);
    else trip(Relax<2>{}, q.rows[i], active);
  }
  for (int64_t j = 0; j < all; j++) inverse[j] = level[j / size];
  trip(Settle<false>{}, {}, 1);  // the oldest frame is added to the committed samples

  for (int64_t s = 0; s < streams; s++) {
    const int64_t stream = begin + s, own = stream * size;
    const bool exists = here(stream, q.past);
    for (int64_t j = 0; j < size; j++) {
      const float sample = wave[s * size + j], envelope = q.envelope[own + j] + (exists && j < n ? q.power[j] : 0);
      if (j < hop) q.samples[stream * hop + j] = sample / std::max(envelope, q.floor);
      else q.next_committed[own + j - hop] = sample, q.next_envelope[own + j - hop] = envelope;
    }
    for (int64_t i = 1; i < q.places; i++) {
      const int64_t to = stream * q.places + i - 1;
      q.next_present[to] = here(stream, i);
      if (here(stream, i)) std::copy_n(observed(stream, i), bins, q.next_target + to * bins);
      if (i < q.past) std::copy_n(q.estimate + (to + 1) * spectrum, spectrum, q.next_estimate + to * spectrum);
    }
  }
  each_frame([&](int64_t s, int64_t i, int64_t block, int64_t lane, int64_t f) {
    if (q.past + i == 0 || !here(begin + s, q.past + i)) return;
    float *to = q.next_estimate + ((begin + s) * q.places + q.past + i - 1) * spectrum;
    for (int64_t k = 0, at = block * spectrum + f; k < bins; k++, at += 2) {
      to[2 * p.order[k]] = variable[at].re[lane] * level[s];
      to[2 * p.order[k] + 1] = variable[at].im[lane] * level[s];
    }
  });
}
