// In place of a header of the CUDA compiler, which no wheel carries: its words for a host compiler.
#pragma once
#define __host__
#define __device__
#define __global__
#define __cudart_builtin__
#define __device_builtin__
#define __device_builtin_texture_type__
#define __device_builtin_surface_type__
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __align__(n)
#define CUDARTAPI
#define CUDARTAPI_CDECL
#define CUDARTAPIV
#define __annotate__(a)
#define __location__(a)
#define __no_return__
#define __noinline__ __attribute__((noinline))
#define __forceinline__ inline __attribute__((always_inline))
#define __inline_hint__
#define __specialization_static static
#define __cluster_dims__(...)
#define __grid_constant__
#define __maxnreg__(...)
