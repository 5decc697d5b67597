// Steps of phase in units of 2^-32 turns, which wrap by themselves.
#pragma once
#include <cstdint>

// Where a system can choose while it loads a library, all of it is there for wider registers as well.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((flatten, target_clones("avx2", "default")))
#else
#define CLONES
#endif

// Add whole units modulo a turn; without integers of 64 bits if they are small, within 2^54.
inline void add_units(const float *__restrict units, int64_t count, bool small, uint32_t *__restrict step) {
  if (!small) {
    for (int64_t f = 0; f < count; f++) step[f] += (uint32_t)(int64_t)units[f];
    return;
  }
  for (int64_t f = 0; f < count; f++) {
    const float turns = units[f] * 0x1p-32f + 12582912.f - 12582912.f;  // a whole number
    const float rest = units[f] - turns * 0x1p32f, below = rest - 0x1p32f;
    step[f] += (uint32_t)(int32_t)(rest < 0x1p31f ? rest : below);
  }
}
