// The runtime's devices, errors, clock and kernels: kernels are counted and compute nothing.
#include "device.hpp"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <vector>

using namespace null;

namespace {

constexpr int VERSION = 13000;

thread_local int device = 0;
thread_local cudaError_t last = cudaSuccess;
cudaError_t crash = cudaSuccess;  // once a kernel has crashed, all calls fail with it

std::atomic<Nanoseconds> skipped{0};  // waits, where the clock is the processor's

// Whether time is what the process has taken of a processor, and what it has waited for: that of a
// machine of one core with nothing else on it, however busy this one is.
bool by_processor() {
    static const char* clock = getenv("NULL_CLOCK");
    return clock && !strcmp(clock, "processor");
}

struct Configuration {
    dim3 grid, block;
    size_t shared;
    void* stream;
};
thread_local std::vector<Configuration> configurations;

const char* name_of(const void* kernel, const char* name = nullptr) {
    static auto* names = new std::map<const void*, const char*>;
    if (name) (*names)[kernel] = name;
    auto at = names->find(kernel);
    return at == names->end() ? "a kernel" : at->second;
}

cudaError_t launch(const void* kernel, cudaStream_t stream) {
    if (auto error = broken()) return error;
    Lock lock;
    work(stream, name_of(kernel));
    return cudaSuccess;
}

int devices() { return int(setting("NULL_DEVICES", 1)); }
int driver_version() { return int(setting("NULL_DRIVER", VERSION)); }

int primary_context_state(int, unsigned* flags, int* active) {
    if (flags) *flags = 0;
    if (active) *active = 1;
    return 0;
}

int success(...) { return 0; }

}  // namespace

namespace null {

Nanoseconds now() {
    timespec time;
    clock_gettime(by_processor() ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec + skipped;
}

// In slices: a process that hangs is ended from outside.
void wait_until(Nanoseconds moment) {
    if (by_processor()) {
        Lock lock;
        skipped += std::max<Nanoseconds>(0, moment - now());
        return;
    }
    for (Nanoseconds left; (left = moment - now()) > 0;) {
        timespec slice{0, long(std::min<Nanoseconds>(left, 50000000))};
        nanosleep(&slice, nullptr);
    }
}

int current_device() { return device; }

cudaError_t failed(cudaError_t error) {
    last = error;
    return error;
}

cudaError_t broken() {
    Lock lock;
    return crash ? failed(crash) : cudaSuccess;
}

// NAME holds the number of the graph launch at which it happens. Where NULL_ONCE names a
// file, whoever removes that file is struck, and nobody after it.
bool strikes(const char* name, long launch) {
    if (launch != long(setting(name, 0))) return false;
    const char* once = getenv("NULL_ONCE");
    if (once && unlink(once)) return false;
    note("accident", name);
    if (!strcmp(name, "NULL_CRASH_AT")) crash = cudaErrorIllegalAddress;
    return true;
}

}  // namespace null

// -- Errors -----------------------------------------------------------------------------------

API cudaError_t cudaGetLastError() {
    auto error = last;
    last = crash;
    return error;
}

API cudaError_t cudaPeekAtLastError() { return last; }

API const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "no error";
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorInvalidDevice: return "invalid device ordinal";
        case cudaErrorNoDevice: return "no CUDA-capable device is detected";
        case cudaErrorInsufficientDriver:
            return "CUDA driver version is insufficient for CUDA runtime version";
        case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
        case cudaErrorNotReady: return "device not ready";
        case cudaErrorStreamCaptureUnsupported:
            return "operation not permitted when stream is capturing";
        case cudaErrorStreamCaptureInvalidated:
            return "operation failed due to a previous error during capture";
        default: return "an error of the null device";
    }
}

API const char* cudaGetErrorName(cudaError_t error) {
    return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "cudaError";
}

// The device's clock in seconds, and a wait of the process that only that clock knows of.
API double null_now() { return double(now()) / 1e9; }

API void null_wait(double seconds) { wait_until(now() + Nanoseconds(1e9 * seconds)); }

// -- Devices ----------------------------------------------------------------------------------

API cudaError_t cudaGetDeviceCount(int* count) {
    *count = 0;
    if (driver_version() < VERSION) return failed(cudaErrorInsufficientDriver);
    if (!devices()) return failed(cudaErrorNoDevice);
    *count = devices();
    return cudaSuccess;
}

API cudaError_t cudaGetDevice(int* found) {
    *found = device;
    return cudaSuccess;
}

API cudaError_t cudaSetDevice(int chosen) {
    if (chosen < 0 || chosen >= devices()) return failed(cudaErrorInvalidDevice);
    device = chosen;
    return cudaSuccess;
}

API cudaError_t cudaDriverGetVersion(int* version) {
    *version = driver_version();
    return cudaSuccess;
}

API cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = VERSION;
    return cudaSuccess;
}

API cudaError_t cudaGetDeviceProperties(cudaDeviceProp* found, int) {
    memset(found, 0, sizeof *found);
    strcpy(found->name, "Null device");
    size_t free;
    cudaMemGetInfo(&free, &found->totalGlobalMem);
    // The rest is that of an H100, which decides the kernels that torch takes.
    found->major = 9;
    found->minor = 0;
    found->multiProcessorCount = 132;
    found->warpSize = 32;
    found->maxThreadsPerBlock = found->maxThreadsDim[0] = found->maxThreadsDim[1] = 1024;
    found->maxThreadsDim[2] = 64;
    found->maxGridSize[0] = 2147483647;
    found->maxGridSize[1] = found->maxGridSize[2] = 65535;
    found->maxThreadsPerMultiProcessor = 2048;
    found->maxBlocksPerMultiProcessor = 32;
    found->regsPerBlock = found->regsPerMultiprocessor = 65536;
    found->sharedMemPerBlock = 49152;
    found->sharedMemPerBlockOptin = 232448;
    found->sharedMemPerMultiprocessor = 233472;
    found->l2CacheSize = 50 << 20;
    found->memoryBusWidth = 5120;
    found->totalConstMem = 65536;
    found->textureAlignment = 512;
    found->unifiedAddressing = found->concurrentKernels = 1;
    return cudaSuccess;
}

API cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    switch (attribute) {
        case cudaDevAttrMaxThreadsPerBlock: *value = 1024; break;
        case cudaDevAttrMaxSharedMemoryPerBlock: *value = 49152; break;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 232448; break;
        case cudaDevAttrWarpSize: *value = 32; break;
        case cudaDevAttrMultiProcessorCount: *value = 132; break;
        case cudaDevAttrMaxThreadsPerMultiProcessor: *value = 2048; break;
        case cudaDevAttrComputeCapabilityMajor: *value = 9; break;
        default: *value = 0;
    }
    return cudaSuccess;
}

API cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
    *least = 0;
    *greatest = -5;
    return cudaSuccess;
}

API cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
    *can = 0;
    return cudaSuccess;
}

API cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) { return cudaSuccess; }

API cudaError_t cudaDeviceGetPCIBusId(char* name, int length, int) {
    snprintf(name, size_t(length), "0000:00:00.0");
    return cudaSuccess;
}

API cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** found, unsigned,
                                                 unsigned long long,
                                                 cudaDriverEntryPointQueryResult* result) {
    bool state = !strcmp(name, "cuDevicePrimaryCtxGetState");
    *found = state ? (void*)primary_context_state : (void*)success;
    if (result) *result = cudaDriverEntryPointSuccess;
    return cudaSuccess;
}

API cudaError_t cudaProfilerStart() { return cudaSuccess; }
API cudaError_t cudaProfilerStop() { return cudaSuccess; }

// -- Kernels: what compiled code calls around them --------------------------------------------

API unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void* stream) {
    configurations.push_back({grid, block, shared, stream});
    return 0;
}

API cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
    auto top = configurations.back();
    configurations.pop_back();
    *grid = top.grid;
    *block = top.block;
    *shared = top.shared;
    *(void**)stream = top.stream;
    return cudaSuccess;
}

API cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
    *kernel = (cudaKernel_t)function;
    return cudaSuccess;
}

API cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3, dim3, void**, size_t,
                                   cudaStream_t stream) {
    return launch((const void*)kernel, stream);
}

API cudaError_t cudaLaunchKernel(const void* kernel, dim3, dim3, void**, size_t,
                                 cudaStream_t stream) {
    return launch(kernel, stream);
}

API cudaError_t cudaLaunchCooperativeKernel(const void* kernel, dim3, dim3, void**, size_t,
                                            cudaStream_t stream) {
    return launch(kernel, stream);
}

API cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* configuration, const void* kernel,
                                    void**) {
    return launch(kernel, configuration->stream);
}

API void** __cudaRegisterFatBinary(void*) {
    static void* handle[4];
    return handle;
}

API void __cudaRegisterFatBinaryEnd(void**) {}
API void __cudaUnregisterFatBinary(void**) {}
API char __cudaInitModule(void**) { return 0; }

API void __cudaRegisterFunction(void**, const char* kernel, char*, const char* name, int, void*,
                                void*, void*, void*, int*) {
    Lock lock;
    name_of(kernel, name);
}

API void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}

API cudaError_t cudaGetSymbolAddress(void** pointer, const void*) {
    static char variables[1 << 16];
    *pointer = variables;
    return cudaSuccess;
}

API cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* found, const void*) {
    memset(found, 0, sizeof *found);
    found->maxThreadsPerBlock = 1024;
    found->numRegs = 32;
    found->binaryVersion = found->ptxVersion = 90;
    found->maxDynamicSharedSizeBytes = 49152;
    return cudaSuccess;
}

API cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }

API cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*,
                                                                       int, size_t, unsigned) {
    *blocks = 8;
    return cudaSuccess;
}

API cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int,
                                                              size_t) {
    *blocks = 8;
    return cudaSuccess;
}
