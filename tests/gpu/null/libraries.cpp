// cuBLAS and cuDNN: every operation is work on the stream of its handle.
#include "device.hpp"

#include <cudnn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

using namespace null;

namespace {

constexpr int CUDNN_NOT_SUPPORTED = 3000;
constexpr int64_t WORKSPACE = 16 << 20;
constexpr int UNKNOWN_NOTE = 999;  // no note that anybody looks for

struct Handle {
    cudaStream_t stream = nullptr;
    int math_mode = 0;
};

int compute(cudaStream_t stream, const char* what) {
    if (broken()) return 13;  // CUBLAS_STATUS_EXECUTION_FAILED
    Lock lock;
    work(stream, what);
    return 0;
}

int multiply(void* handle, const char* what) { return compute(((Handle*)handle)->stream, what); }

int describe(void** made) {
    *made = malloc(64);
    return 0;
}

int forget(void* made) {
    free(made);
    return 0;
}

int cudnn_version() { return int(setting("NULL_CUDNN", CUDNN_VERSION)); }

// A capture of it may work; next to other lanes its persistent kernels may stall for ever.
cudnnStatus_t normalise(const char* what) {
    Lock lock;
    fault("batch norm", what);
    return CUDNN_STATUS_SUCCESS;
}

}  // namespace

// -- cuBLAS: operations have many arguments, of which only the handle is read ---------------------

API int cublasCreate_v2(void** made) {
    Lock lock;
    counter("handles of cuBLAS")++;
    *made = new Handle;
    return 0;
}

API int cublasDestroy_v2(void*) { return 0; }

API int cublasSetStream_v2(void* handle, cudaStream_t stream) {
    ((Handle*)handle)->stream = stream;
    return 0;
}

API int cublasSetMathMode(void* handle, int mode) {
    ((Handle*)handle)->math_mode = mode;
    return 0;
}

API int cublasGetMathMode(void* handle, int* mode) {
    *mode = ((Handle*)handle)->math_mode;
    return 0;
}

API int cublasGetPointerMode_v2(void*, int* mode) {
    *mode = 0;
    return 0;
}

API int cublasSetPointerMode_v2(void*, int) { return 0; }
API int cublasSetWorkspace_v2(void*, void*, size_t) { return 0; }

API int cublasGemmEx(void* handle, ...) { return multiply(handle, "cublasGemmEx"); }
API int cublasSgemm_v2(void* handle, ...) { return multiply(handle, "cublasSgemm"); }
API int cublasDgemm_v2(void* handle, ...) { return multiply(handle, "cublasDgemm"); }
API int cublasSgemv_v2(void* handle, ...) { return multiply(handle, "cublasSgemv"); }

API int cublasGemmStridedBatchedEx(void* handle, ...) {
    return multiply(handle, "cublasGemmStridedBatchedEx");
}

API int cublasSgemmStridedBatched(void* handle, ...) {
    return multiply(handle, "cublasSgemmStridedBatched");
}

API int cublasLtMatmul(void*, void*, const void*, const void*, void*, const void*, void*,
                       const void*, const void*, void*, void*, void*, const void*, void*, size_t,
                       cudaStream_t stream) {
    return compute(stream, "cublasLtMatmul");
}

API int cublasLtMatmulAlgoGetHeuristic(void*, void*, void*, void*, void*, void*, void*, int,
                                       void* results, int* found) {
    constexpr size_t RESULT = 96;  // cublasLtMatmulHeuristicResult_t
    memset(results, 0, RESULT);
    *found = 1;
    return 0;
}

API int cublasLtMatmulDescCreate(void** made, int, int) { return describe(made); }
API int cublasLtMatmulDescDestroy(void* made) { return forget(made); }
API int cublasLtMatmulDescSetAttribute(void*, int, const void*, size_t) { return 0; }
API int cublasLtMatmulPreferenceCreate(void** made) { return describe(made); }
API int cublasLtMatmulPreferenceDestroy(void* made) { return forget(made); }
API int cublasLtMatmulPreferenceSetAttribute(void*, int, const void*, size_t) { return 0; }
API int cublasLtMatrixLayoutCreate(void** made, int, uint64_t, uint64_t, int64_t) {
    return describe(made);
}
API int cublasLtMatrixLayoutDestroy(void* made) { return forget(made); }
API int cublasLtMatrixLayoutSetAttribute(void*, int, const void*, size_t) { return 0; }
API size_t cublasLtGetVersion() { return 130101; }

// -- cuDNN: handles and descriptors -----------------------------------------------------------

API cudnnStatus_t cudnnCreate(cudnnHandle_t* made) {
    Lock lock;
    counter("handles of cuDNN")++;
    *made = (cudnnHandle_t) new Handle;
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnDestroy(cudnnHandle_t) { return CUDNN_STATUS_SUCCESS; }

API cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    ((Handle*)handle)->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t* stream) {
    *stream = ((Handle*)handle)->stream;
    return CUDNN_STATUS_SUCCESS;
}

API size_t cudnnGetVersion() { return size_t(cudnn_version()); }
API size_t cudnnGetCudartVersion() { return 13000; }

API cudnnStatus_t cudnnGetProperty(libraryPropertyType which, int* value) {
    int version = cudnn_version();
    int parts[] = {version / 10000, version / 100 % 100, version % 100};
    *value = parts[which];
    return CUDNN_STATUS_SUCCESS;
}

API const char* cudnnGetErrorString(cudnnStatus_t status) {
    return status ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_SUCCESS";
}

API void cudnnGetLastErrorString(char* text, size_t length) {
    if (length) text[0] = 0;
}

API cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* made) {
    describe((void**)made);
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t made) {
    forget(made);
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t, cudnnDataType_t, int,
                                             const int*, const int*) {
    return CUDNN_STATUS_SUCCESS;
}

// -- cuDNN: convolutions, by its graph interface. One engine, without knobs or notes. ---------

API cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t,
                                               cudnnBackendDescriptor_t* made) {
    describe(made);
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t made) {
    forget(made);
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t) { return CUDNN_STATUS_SUCCESS; }

API cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t,
                                           cudnnBackendAttributeType_t, int64_t, const void*) {
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t,
                                           cudnnBackendAttributeName_t name,
                                           cudnnBackendAttributeType_t type, int64_t wanted,
                                           int64_t* found, void* values) {
    int64_t count = wanted;
    bool notes = name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE || name == CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE;
    if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
        count = 1;
    } else if (notes || name == CUDNN_ATTR_ENGINECFG_KNOB_CHOICES ||
               name == CUDNN_ATTR_ENGINE_KNOB_INFO) {
        count = 0;
        if (notes && values) std::fill_n((int*)values, wanted, UNKNOWN_NOTE);
    } else if (type == CUDNN_TYPE_INT64 && values) {
        bool workspace = name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE;
        std::fill_n((int64_t*)values, wanted, workspace ? WORKSPACE : 0);
    }
    if (found) *found = count;
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t,
                                      cudnnBackendDescriptor_t) {
    if (broken()) return cudnnStatus_t(CUDNN_NOT_SUPPORTED);
    Lock lock;
    work(((Handle*)handle)->stream, "cudnnBackendExecute");
    return CUDNN_STATUS_SUCCESS;
}

// -- cuDNN: batch normalisation, which the lanes must never use -------------------------------

API cudnnStatus_t cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cudnnHandle_t, cudnnBatchNormMode_t, cudnnBatchNormOps_t, const cudnnTensorDescriptor_t,
    const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t,
    const cudnnActivationDescriptor_t, size_t* bytes) {
    *bytes = 1 << 20;
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    cudnnHandle_t, cudnnBatchNormMode_t, cudnnBatchNormOps_t, const cudnnTensorDescriptor_t,
    const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t,
    const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t, const cudnnActivationDescriptor_t,
    size_t* bytes) {
    *bytes = 1 << 20;
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
    cudnnHandle_t, cudnnBatchNormMode_t, cudnnBatchNormOps_t, const cudnnActivationDescriptor_t,
    const cudnnTensorDescriptor_t, size_t* bytes) {
    *bytes = 1 << 16;
    return CUDNN_STATUS_SUCCESS;
}

API cudnnStatus_t cudnnBatchNormalizationForwardTrainingEx(
    cudnnHandle_t, cudnnBatchNormMode_t, cudnnBatchNormOps_t, const void*, const void*,
    const cudnnTensorDescriptor_t, const void*, const cudnnTensorDescriptor_t, const void*,
    const cudnnTensorDescriptor_t, void*, const cudnnTensorDescriptor_t, const void*, const void*,
    double, void*, void*, double, void*, void*, cudnnActivationDescriptor_t, void*, size_t, void*,
    size_t) {
    return normalise("cudnnBatchNormalizationForwardTrainingEx");
}

API cudnnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t, cudnnBatchNormMode_t, const void*, const void*, const cudnnTensorDescriptor_t,
    const void*, const cudnnTensorDescriptor_t, void*, const cudnnTensorDescriptor_t, const void*,
    const void*, const void*, const void*, double) {
    return normalise("cudnnBatchNormalizationForwardInference");
}

API cudnnStatus_t cudnnBatchNormalizationBackwardEx(
    cudnnHandle_t, cudnnBatchNormMode_t, cudnnBatchNormOps_t, const void*, const void*, const void*,
    const void*, const cudnnTensorDescriptor_t, const void*, const cudnnTensorDescriptor_t,
    const void*, const cudnnTensorDescriptor_t, const void*, const cudnnTensorDescriptor_t, void*,
    const cudnnTensorDescriptor_t, void*, const cudnnTensorDescriptor_t, const void*, const void*,
    void*, void*, double, const void*, const void*, cudnnActivationDescriptor_t, void*, size_t,
    void*, size_t) {
    return normalise("cudnnBatchNormalizationBackwardEx");
}
