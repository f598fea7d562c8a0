// Included before a .list file: the user has defined ROW(isa, tags, symbol, lanes); KERNEL keeps the rows
// whose ISA the target of this build has and drops the others. rows_end.h undoes it. No include guard.
#if defined(__x86_64__) || defined(_M_X64)
#define KERNEL_avx512(tags, symbol, lanes) ROW(avx512, tags, symbol, lanes)
#define KERNEL_avx2(tags, symbol, lanes) ROW(avx2, tags, symbol, lanes)
#else
#define KERNEL_avx512(tags, symbol, lanes)
#define KERNEL_avx2(tags, symbol, lanes)
#endif
#if defined(__aarch64__)
#define KERNEL_neon(tags, symbol, lanes) ROW(neon, tags, symbol, lanes)
#else
#define KERNEL_neon(tags, symbol, lanes)
#endif
#define KERNEL_serial(tags, symbol, lanes) ROW(serial, tags, symbol, lanes)
#define KERNEL(isa, tags, symbol, lanes) KERNEL_##isa(tags, symbol, lanes)
