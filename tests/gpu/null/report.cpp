// Faults, notes and counters, for the tests to read.
#include "device.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

namespace null {

static std::recursive_mutex& mutex() {
    static auto* the = new std::recursive_mutex;  // outlives whoever calls at the very end
    return *the;
}

Lock::Lock() { mutex().lock(); }
Lock::~Lock() { mutex().unlock(); }

double setting(const char* name, double otherwise) {
    const char* value = getenv(name);
    return value && *value ? atof(value) : otherwise;
}

long& counter(const std::string& name) {
    static auto* counters = new std::map<std::string, long>;
    return (*counters)[name];
}

// One line: process, test, kind, what. A single write, so that processes do not mix theirs.
void note(const std::string& kind, const std::string& what) {
    const char* path = getenv("NULL_LOG");
    if (!path) return;
    const char* test = getenv("PYTEST_CURRENT_TEST");
    std::string line = std::to_string(getpid()) + "\t" + (test ? test : "") + "\t" + kind + "\t" +
                       what + "\n";
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (file < 0 || write(file, line.data(), line.size()) < 0) perror("null device: NULL_LOG");
    if (file >= 0) close(file);
}

void fault(const std::string& kind, const std::string& what) {
    fprintf(stderr, "null device: %s: %s\n", kind.c_str(), what.c_str());
    counter("faults")++;
    note("fault: " + kind, what);
}

}  // namespace null

// For the plugin and for test programs, by ctypes.
API void null_fault(const char* kind, const char* what) {
    null::Lock lock;
    null::fault(kind, what);
}

API void null_note(const char* kind, const char* what) {
    null::Lock lock;
    null::note(kind, what);
}

API long null_count(const char* name) {
    null::Lock lock;
    return null::counter(name);
}
