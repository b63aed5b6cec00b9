// Memory of the devices: virtual, so that a device may be larger than the machine.
#include "device.hpp"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

using namespace null;

namespace {

constexpr size_t PAGE = 4096;
constexpr size_t BEHIND = 2 << 20;      // readable bytes behind a block: libraries round up
constexpr size_t OWN = 500u << 20;      // what the context takes of a device
constexpr size_t COPIED = 64 << 10;     // larger copies to and in the device move nothing
constexpr size_t SCALAR = 4;            // the only size that comes back as it is

struct Block {
    size_t bytes;
    int device;
};

std::map<char*, Block> blocks;       // of the devices
std::map<char*, size_t> page_locked;  // of the host
std::map<int, size_t> used;

size_t whole_pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }
size_t total() { return size_t(setting("NULL_MEM_GIB", 79.1) * (1ull << 30)); }
size_t filled() { return size_t(setting("NULL_FILLED_GIB", 0) * (1ull << 30)); }  // by others

size_t free_bytes(int device) {
    size_t taken = used[device] + OWN + filled();
    return taken < total() ? total() - taken : 0;
}

size_t size_of(const Block& block) { return block.bytes; }
size_t size_of(size_t bytes) { return bytes; }

template <class Value>
typename std::map<char*, Value>::iterator find(std::map<char*, Value>& among, const void* pointer) {
    auto at = among.upper_bound((char*)pointer);
    if (at == among.begin()) return among.end();
    --at;
    return (char*)pointer < at->first + size_of(at->second) ? at : among.end();
}

bool on_device(const void* pointer) { return find(blocks, pointer) != blocks.end(); }

bool pageable(const void* pointer) {
    return !on_device(pointer) && find(page_locked, pointer) == page_locked.end();
}

// What comes back from a device is zero, as no kernel has computed it, and memory that is used
// again would hold what it held before; a scalar is what was written, such as a learning rate.
void move(void* to, const void* from, size_t bytes) {
    bool back = on_device(from) && !on_device(to);
    if (back && bytes != SCALAR)
        memset(to, 0, bytes);
    else if (back || !on_device(to) || bytes <= COPIED)
        memmove(to, from, bytes);
}

}  // namespace

API cudaError_t cudaMemGetInfo(size_t* free, size_t* all) {
    if (auto error = broken()) return error;
    Lock lock;
    *all = total();
    *free = free_bytes(current_device());
    return cudaSuccess;
}

API cudaError_t cudaMalloc(void** pointer, size_t bytes) {
    if (auto error = broken()) return error;
    if (auto error = refuse_in_capture("cudaMalloc")) return error;
    Lock lock;
    *pointer = nullptr;
    if (bytes > free_bytes(current_device())) return failed(cudaErrorMemoryAllocation);
    void* found = mmap(nullptr, whole_pages(bytes) + BEHIND, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) return failed(cudaErrorMemoryAllocation);
    blocks[(char*)found] = {bytes, current_device()};
    used[current_device()] += bytes;
    counter("allocations on device " + std::to_string(current_device()))++;
    *pointer = found;
    return cudaSuccess;
}

API cudaError_t cudaFree(void* pointer) {
    if (auto error = broken()) return error;
    if (!pointer) return cudaSuccess;
    if (auto error = refuse_in_capture("cudaFree")) return error;
    wait_for_device();  // as the memory may be in use
    Lock lock;
    auto at = blocks.find((char*)pointer);
    if (at == blocks.end()) {
        fault("memory", "cudaFree of what was not allocated");
        return failed(cudaErrorInvalidValue);
    }
    munmap(pointer, whole_pages(at->second.bytes) + BEHIND);
    used[at->second.device] -= at->second.bytes;
    blocks.erase(at);
    return cudaSuccess;
}

API cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned) {
    if (auto error = broken()) return error;
    if (auto error = refuse_in_capture("cudaHostAlloc")) return error;
    Lock lock;
    *pointer = aligned_alloc(PAGE, whole_pages(bytes));
    memset(*pointer, 0, bytes);
    page_locked[(char*)*pointer] = bytes;
    return cudaSuccess;
}

API cudaError_t cudaFreeHost(void* pointer) {
    if (auto error = refuse_in_capture("cudaFreeHost")) return error;
    Lock lock;
    page_locked.erase((char*)pointer);
    free(pointer);
    return cudaSuccess;
}

API cudaError_t cudaHostRegister(void* pointer, size_t bytes, unsigned) {
    Lock lock;
    page_locked[(char*)pointer] = bytes;
    return cudaSuccess;
}

API cudaError_t cudaHostUnregister(void* pointer) {
    Lock lock;
    page_locked.erase((char*)pointer);
    return cudaSuccess;
}

API cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* found, const void* pointer) {
    Lock lock;
    memset(found, 0, sizeof *found);
    found->devicePointer = (void*)pointer;
    found->type = cudaMemoryTypeUnregistered;
    auto at = find(blocks, pointer);
    if (at != blocks.end()) {
        found->type = cudaMemoryTypeDevice;
        found->device = at->second.device;
    } else if (!pageable(pointer)) {
        found->type = cudaMemoryTypeHost;
    }
    return cudaSuccess;
}

API cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                                cudaStream_t handle) {
    if (auto error = broken()) return error;
    Nanoseconds ready_at = 0;
    {
        Lock lock;
        auto* stream = stream_of(handle);
        bool paged = pageable(to) || pageable(from);
        if (stream->capture && paged) return refuse_on_captured(stream, "a copy of pageable memory");
        if (paged) ready_at = stream->ready_at;
    }
    wait_until(ready_at);  // such a copy is done when the call returns
    Lock lock;
    work(handle, "memcpy");
    if (!stream_of(handle)->capture) move(to, from, bytes);
    return cudaSuccess;
}

API cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
    if (auto error = broken()) return error;
    if (auto error = refuse_in_capture("cudaMemcpy")) return error;
    Lock lock;
    work(nullptr, "memcpy");
    move(to, from, bytes);
    return cudaSuccess;
}

API cudaError_t cudaMemcpyToSymbol(const void*, const void*, size_t, size_t, cudaMemcpyKind) {
    return refuse_in_capture("cudaMemcpyToSymbol");
}

API cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, size_t bytes,
                                    cudaStream_t stream) {
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
}

API cudaError_t cudaMemset(void* to, int value, size_t bytes) {
    if (auto error = broken()) return error;
    if (auto error = refuse_in_capture("cudaMemset")) return error;
    Lock lock;
    work(nullptr, "memset");
    if (bytes <= COPIED) memset(to, value, bytes);
    return cudaSuccess;
}

API cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t handle) {
    if (auto error = broken()) return error;
    Lock lock;
    work(handle, "memset");
    if (!stream_of(handle)->capture && bytes <= COPIED) memset(to, value, bytes);
    return cudaSuccess;
}

API double null_used(int device) {
    Lock lock;
    return double(used[device]);
}
