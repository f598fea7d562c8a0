// Instruction sets the library has kernels for, best last; which of them this CPU and this build have.
#pragma once

#include <cstdint>

namespace smoothbit {

enum class Isa : int { serial = 0, neon = 1, avx2 = 2, avx512 = 3 };
constexpr int kNumIsas = 4;

const char* isa_name(Isa isa);

// Compiled in and supported by the CPU and the operating system (register state saved on a switch).
bool isa_available(Isa isa);

// Byte dot products of AVX-512 (VNNI), which not every CPU with Isa::avx512 has.
bool cpu_has_vnni();

// Byte permutations of a whole register (VBMI), likewise.
bool cpu_has_vbmi();

}  // namespace smoothbit
