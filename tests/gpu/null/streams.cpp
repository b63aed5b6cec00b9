// Streams, events, captures and graphs, with the rules that CUDA has for them.
#include "device.hpp"

#include <pthread.h>
#include <string.h>

#include <algorithm>
#include <set>
#include <vector>

using namespace null;

namespace {

thread_local cudaStreamCaptureMode mode_of_thread = cudaStreamCaptureModeGlobal;
std::vector<Capture*> captures;  // under way
std::set<Stream*> streams;
long launches = 0;

std::map<unsigned long, Stream*> lanes;  // where all work of a thread must go

bool is_autograds() {
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    return strncmp(name, "pt_autograd", 11) == 0;
}

// The lane that a thread's work strays from, if it does; autograd's threads work for any lane.
Stream* strayed_from(Stream* stream) {
    auto at = lanes.find(this_thread());
    if (at != lanes.end()) return at->second == stream ? nullptr : at->second;
    if (lanes.empty() || !is_autograds()) return nullptr;
    for (auto& each : lanes)
        if (each.second == stream) return nullptr;
    return lanes.begin()->second;
}

bool forbids(const Capture& capture) {
    if (capture.mode == cudaStreamCaptureModeRelaxed) return false;
    if (mode_of_thread == cudaStreamCaptureModeRelaxed) return false;
    if (capture.thread == this_thread()) return true;
    return capture.mode == cudaStreamCaptureModeGlobal &&
           mode_of_thread == cudaStreamCaptureModeGlobal;
}

cudaStreamCaptureStatus status_of(const Stream& stream) {
    if (!stream.capture) return cudaStreamCaptureStatusNone;
    return stream.capture->broken ? cudaStreamCaptureStatusInvalidated
                                  : cudaStreamCaptureStatusActive;
}

void let_go(Graph* graph) {
    if (--graph->holders == 0) delete graph;
}

std::string told(const char* what, Stream* found, Stream* wanted) {
    return std::string(what) + (found->is_default ? " on the default stream" : " on another stream") +
           " of device " + std::to_string(found->device) + ", not on the lane's of device " +
           std::to_string(wanted->device);
}

}  // namespace

namespace null {

unsigned long this_thread() { return (unsigned long)pthread_self(); }

Stream* stream_of(cudaStream_t handle) {
    static std::map<int, Stream>* defaults = new std::map<int, Stream>;
    if (size_t(handle) > 2) return (Stream*)handle;  // 0, 1 and 2 name default streams
    auto& found = (*defaults)[current_device()];
    found.device = current_device();
    found.is_default = true;
    return &found;
}

cudaError_t refuse_in_capture(const char* call) {
    Lock lock;
    bool refused = false;
    for (auto* capture : captures)
        if (forbids(*capture)) capture->broken = refused = true;
    if (!refused) return cudaSuccess;
    fault("capture", std::string(call) + " while a stream is captured");
    return failed(cudaErrorStreamCaptureUnsupported);
}

cudaError_t refuse_on_captured(Stream* stream, const std::string& call) {
    fault("capture", call + " on a stream that is captured");
    stream->capture->broken = true;
    return failed(cudaErrorStreamCaptureUnsupported);
}

void work(cudaStream_t handle, const char* what) {
    static const auto takes = Nanoseconds(1000 * setting("NULL_NODE_US", 0));
    work(handle, what, takes);
}

void work(cudaStream_t handle, const char* what, Nanoseconds takes) {
    auto* stream = stream_of(handle);
    if (stream->device != current_device())
        fault("device", std::string(what) + " on a stream of device " +
                            std::to_string(stream->device) + " while device " +
                            std::to_string(current_device()) + " is current");
    if (auto* lane = strayed_from(stream)) fault("stream", told(what, stream, lane));
    counter("work on device " + std::to_string(stream->device))++;
    if (stream->is_default) counter("work on a default stream")++;
    if (stream->capture) {
        stream->capture->graph->nodes++;
        stream->capture->graph->takes += takes;
    } else {
        stream->ready_at = std::max(stream->ready_at, now()) + takes;
        stream->given += takes;
    }
}

void wait_for_device() {
    Nanoseconds ready_at = 0;
    {
        Lock lock;
        for (auto* stream : streams)
            if (stream->device == current_device()) ready_at = std::max(ready_at, stream->ready_at);
    }
    wait_until(ready_at);
}

}  // namespace null

// -- Streams ----------------------------------------------------------------------------------

API cudaError_t cudaStreamCreateWithPriority(cudaStream_t* made, unsigned, int) {
    if (auto error = broken()) return error;
    Lock lock;
    auto* stream = new Stream{current_device()};
    streams.insert(stream);
    counter("streams")++;
    *made = (cudaStream_t)stream;
    return cudaSuccess;
}

API cudaError_t cudaStreamCreateWithFlags(cudaStream_t* made, unsigned flags) {
    return cudaStreamCreateWithPriority(made, flags, 0);
}

API cudaError_t cudaStreamCreate(cudaStream_t* made) {
    return cudaStreamCreateWithPriority(made, 0, 0);
}

API cudaError_t cudaStreamDestroy(cudaStream_t handle) {
    Lock lock;
    if (streams.erase(stream_of(handle))) counter("streams")--;
    return cudaSuccess;  // kept: torch may still name it
}

API cudaError_t cudaStreamGetPriority(cudaStream_t, int* priority) {
    *priority = 0;
    return cudaSuccess;
}

API cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
    if (auto error = broken()) return error;
    Nanoseconds ready_at;
    {
        Lock lock;
        auto* stream = stream_of(handle);
        if (stream->capture) return refuse_on_captured(stream, "cudaStreamSynchronize");
        if (auto error = refuse_in_capture("cudaStreamSynchronize")) return error;
        ready_at = stream->ready_at;
    }
    wait_until(ready_at);
    return broken();
}

API cudaError_t cudaStreamQuery(cudaStream_t handle) {
    if (auto error = broken()) return error;
    if (auto error = refuse_in_capture("cudaStreamQuery")) return error;
    Lock lock;
    return stream_of(handle)->ready_at <= now() ? cudaSuccess : cudaErrorNotReady;
}

API cudaError_t cudaDeviceSynchronize() {
    if (auto error = broken()) return error;
    if (auto error = refuse_in_capture("cudaDeviceSynchronize")) return error;
    wait_for_device();
    return broken();
}

API cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t awaited, unsigned) {
    if (auto error = broken()) return error;
    Lock lock;
    auto *stream = stream_of(handle);
    auto *event = (Event*)awaited;
    if (event->capture) {  // a stream that waits for a captured one is captured with it
        for (auto* capture : captures)
            if (capture->id == event->capture && !stream->capture) stream->capture = capture;
        return cudaSuccess;
    }
    if (stream->capture && event->at) return refuse_on_captured(stream, "a wait for an outside event");
    stream->ready_at = std::max(stream->ready_at, event->at);
    return cudaSuccess;
}

API cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t call, void* data,
                                      unsigned) {
    if (auto error = refuse_in_capture("cudaStreamAddCallback")) return error;
    call(stream, cudaSuccess, data);
    return cudaSuccess;
}

API cudaError_t cudaLaunchHostFunc(cudaStream_t, cudaHostFn_t call, void* data) {
    call(data);
    return cudaSuccess;
}

// -- Events -----------------------------------------------------------------------------------

API cudaError_t cudaEventCreateWithFlags(cudaEvent_t* made, unsigned) {
    if (auto error = broken()) return error;
    Lock lock;
    counter("events")++;
    *made = (cudaEvent_t) new Event;
    return cudaSuccess;
}

API cudaError_t cudaEventCreate(cudaEvent_t* made) { return cudaEventCreateWithFlags(made, 0); }

API cudaError_t cudaEventDestroy(cudaEvent_t event) {
    Lock lock;
    counter("events")--;
    delete (Event*)event;
    return cudaSuccess;
}

API cudaError_t cudaEventRecordWithFlags(cudaEvent_t handle, cudaStream_t on, unsigned) {
    if (auto error = broken()) return error;
    Lock lock;
    auto* stream = stream_of(on);
    auto* event = (Event*)handle;
    event->capture = stream->capture ? stream->capture->id : 0;
    event->at = std::max(stream->ready_at, now());
    return cudaSuccess;
}

API cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    return cudaEventRecordWithFlags(event, stream, 0);
}

API cudaError_t cudaEventQuery(cudaEvent_t handle) {
    if (auto error = broken()) return error;
    if (auto error = refuse_in_capture("cudaEventQuery")) return error;
    Lock lock;
    auto* event = (Event*)handle;
    if (event->capture) return failed(cudaErrorCapturedEvent);
    return event->at <= now() ? cudaSuccess : cudaErrorNotReady;
}

API cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
    if (auto error = broken()) return error;
    if (auto error = refuse_in_capture("cudaEventSynchronize")) return error;
    Nanoseconds at;
    {
        Lock lock;
        at = ((Event*)handle)->at;
    }
    wait_until(at);
    return broken();
}

API cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t first, cudaEvent_t second) {
    if (auto error = broken()) return error;
    Lock lock;
    auto *begin = (Event*)first, *end = (Event*)second;
    if (end->at > now()) return failed(cudaErrorNotReady);
    *milliseconds = float(end->at - begin->at) / 1e6f;
    return cudaSuccess;
}

// -- Captures and graphs ----------------------------------------------------------------------

API cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
    static unsigned long long last = 0;
    if (auto error = broken()) return error;
    Lock lock;
    auto* stream = stream_of(handle);
    if (stream->is_default || stream->capture) return failed(cudaErrorStreamCaptureUnsupported);
    stream->capture = new Capture{++last, mode, this_thread(), new Graph};
    captures.push_back(stream->capture);
    return cudaSuccess;
}

API cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* made) {
    Lock lock;
    auto* capture = stream_of(handle)->capture;
    *made = nullptr;
    if (!capture) return failed(cudaErrorIllegalState);
    for (auto* stream : streams)
        if (stream->capture == capture) stream->capture = nullptr;
    captures.erase(std::find(captures.begin(), captures.end(), capture));
    bool spoilt = capture->broken;
    if (spoilt)
        delete capture->graph;
    else
        *made = (cudaGraph_t)capture->graph;
    if (!spoilt) note("captured", std::to_string(capture->graph->nodes));
    delete capture;
    return spoilt ? failed(cudaErrorStreamCaptureInvalidated) : broken();
}

API cudaError_t cudaStreamGetCaptureInfo(cudaStream_t handle, cudaStreamCaptureStatus* status,
                                         unsigned long long* id, cudaGraph_t* graph,
                                         const cudaGraphNode_t** dependencies,
                                         const cudaGraphEdgeData** edges, size_t* count) {
    Lock lock;
    auto* stream = stream_of(handle);
    *status = status_of(*stream);
    if (id) *id = stream->capture ? stream->capture->id : 0;
    if (graph) *graph = stream->capture ? (cudaGraph_t)stream->capture->graph : nullptr;
    if (dependencies) *dependencies = nullptr;
    if (edges) *edges = nullptr;
    if (count) *count = 0;
    return cudaSuccess;
}

API cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
    Lock lock;
    *status = status_of(*stream_of(handle));
    return cudaSuccess;
}

API cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
    std::swap(*mode, mode_of_thread);
    return cudaSuccess;
}

API cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
    *count = size_t(((Graph*)graph)->nodes);
    return cudaSuccess;
}

API cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* made, cudaGraph_t graph,
                                              unsigned long long) {
    if (auto error = broken()) return error;
    Lock lock;
    ((Graph*)graph)->holders++;
    counter("graphs")++;
    *made = (cudaGraphExec_t)graph;
    return cudaSuccess;
}

API cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph,
                                     unsigned long long flags) {
    return cudaGraphInstantiateWithFlags(made, graph, flags);
}

API cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    Lock lock;
    let_go((Graph*)graph);
    return cudaSuccess;
}

API cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    Lock lock;
    counter("graphs")--;
    let_go((Graph*)graph);
    return cudaSuccess;
}

API cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t handle) {
    if (auto error = broken()) return error;
    Lock lock;
    auto* stream = stream_of(handle);
    if (stream->capture) return refuse_on_captured(stream, "cudaGraphLaunch");
    work(handle, "cudaGraphLaunch", ((Graph*)graph)->takes);
    counter("launches")++;
    launches++;
    if (strikes("NULL_HANG_AT", launches)) stream->ready_at = NEVER;  // all others go on
    strikes("NULL_CRASH_AT", launches);
    return cudaSuccess;
}

API cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t, cudaGraphNode_t*, cudaGraphEdgeData*,
                                             size_t* count) {
    *count = 0;
    return cudaSuccess;
}

API cudaError_t cudaGraphDebugDotPrint(cudaGraph_t, const char*, unsigned) { return cudaSuccess; }

// From now on this thread's work must go to this stream; none: anywhere.
API void null_expect(cudaStream_t handle) {
    Lock lock;
    if (handle)
        lanes[this_thread()] = stream_of(handle);
    else
        lanes.erase(this_thread());
}

// Seconds that all streams but the default ones have worked so far: what is queued does not count.
API double null_busy() {
    Lock lock;
    Nanoseconds done = 0;
    for (auto* stream : streams)
        done += stream->given - std::max<Nanoseconds>(0, stream->ready_at - now());
    return double(done) / 1e9;
}
