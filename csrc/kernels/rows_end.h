// Included after a .list file; see rows_begin.h.
#undef KERNEL_avx512
#undef KERNEL_avx2
#undef KERNEL_neon
#undef KERNEL_serial
#undef KERNEL
#undef ROW
