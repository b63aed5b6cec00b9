// What the parts of the null device share: its streams, captures, memory, faults and counters.
//
// The device runs torch's own CUDA code without a GPU: every call of the runtime and its libraries
// keeps its books as a device would, kernels compute nothing, and what a device would refuse or
// suffer in silence is refused and reported.
#pragma once

#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <string>

#define API extern "C" __attribute__((visibility("default")))

namespace null {

using Nanoseconds = long long;

constexpr Nanoseconds NEVER = 1LL << 62;  // when a stream that hangs will be ready

// Settings, read from the environment; README.md lists them.
double setting(const char* name, double otherwise);

struct Graph {
    long nodes = 0;
    Nanoseconds takes = 0;
    int holders = 1;  // the graph itself, and every executable made of it
};

struct Capture {
    unsigned long long id;
    cudaStreamCaptureMode mode;
    unsigned long thread;  // that began it
    Graph* graph;
    bool broken = false;
};

struct Stream {
    int device;
    Nanoseconds ready_at = 0;
    Nanoseconds given = 0;       // work, in time, since the process began
    Capture* capture = nullptr;  // that it takes part in
    bool is_default = false;
};

struct Event {
    Nanoseconds at = 0;
    unsigned long long capture = 0;  // in which it was recorded last, 0 outside
};

struct Lock {
    Lock();
    ~Lock();
};

// -- Faults and counters (report.cpp) ---------------------------------------------------------

// Report something that would go wrong on a device: a line in NULL_LOG, and on stderr.
void fault(const std::string& kind, const std::string& what);
// Report something that is worth knowing: a line in NULL_LOG.
void note(const std::string& kind, const std::string& what);
long& counter(const std::string& name);

// -- Clock, device and errors (runtime.cpp) ---------------------------------------------------

Nanoseconds now();
void wait_until(Nanoseconds moment);
int current_device();
cudaError_t failed(cudaError_t error);  // remember it for cudaGetLastError
cudaError_t broken();                   // what a crashed kernel has left, or success
bool strikes(const char* name, long launch);  // whether a planted accident happens at a launch

// -- Streams and captures (streams.cpp) -------------------------------------------------------

void wait_for_device();  // for all that has been put on the current one
Stream* stream_of(cudaStream_t handle);
unsigned long this_thread();
// Refuse a call that a capture forbids, as the mode of every capture under way says.
cudaError_t refuse_in_capture(const char* call);
// Refuse a call on a stream that is itself captured.
cudaError_t refuse_on_captured(Stream* stream, const std::string& call);
// Put work on a stream: recorded while it is captured, begun behind all earlier work otherwise.
void work(cudaStream_t stream, const char* what);
// The same for work that takes some time, and not the time of a kernel (NULL_NODE_US).
void work(cudaStream_t stream, const char* what, Nanoseconds takes);

}  // namespace null
