// CPU feature detection, once per process.
//
// A vector register set is usable only if the CPU has it (CPUID) and the operating system saves it on a
// context switch (XCR0, read by XGETBV): bits 1-2 are SSE and AVX state, bits 5-7 the AVX-512 state.
#include "smoothbit/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace smoothbit {
namespace {

#if defined(__x86_64__)
uint64_t read_xcr0() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

struct CpuFeatures {
  bool has_avx2 = false;
  bool has_avx512 = false;  // F, BW, VL, DQ
  bool has_vnni = false;
  bool has_vbmi = false;

  CpuFeatures() {
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_AVX)) return;
    const uint64_t xcr0 = read_xcr0();
    if ((xcr0 & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
    has_avx2 = (ebx & bit_AVX2) != 0;
    constexpr uint32_t kAvx512Bits = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    has_avx512 = has_avx2 && (ebx & kAvx512Bits) == kAvx512Bits && (xcr0 & 0xe0) == 0xe0;
    has_vnni = has_avx512 && (ecx & bit_AVX512VNNI) != 0;
    has_vbmi = has_avx512 && (ecx & bit_AVX512VBMI) != 0;
  }
};

const CpuFeatures& cpu_features() {
  static const CpuFeatures features;
  return features;
}
#endif

bool detect(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx2) return cpu_features().has_avx2;
#if defined(SMOOTHBIT_EMULATE)
  if (isa == Isa::avx512) return true;  // the kernels are compiled against an emulation of the registers
#endif
  if (isa == Isa::avx512) return cpu_features().has_avx512;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return true;  // part of the baseline of the architecture
#endif
  return isa == Isa::serial;
}

}  // namespace

const char* isa_name(Isa isa) {
  static const char* const names[kNumIsas] = {"serial", "neon", "avx2", "avx512"};
  return names[static_cast<int>(isa)];
}

bool isa_available(Isa isa) { return detect(isa); }

#if defined(SMOOTHBIT_EMULATE)
bool cpu_has_vnni() { return true; }
bool cpu_has_vbmi() { return true; }
#elif defined(__x86_64__)
bool cpu_has_vnni() { return cpu_features().has_vnni; }
bool cpu_has_vbmi() { return cpu_features().has_vbmi; }
#else
bool cpu_has_vnni() { return false; }
bool cpu_has_vbmi() { return false; }
#endif

}  // namespace smoothbit
