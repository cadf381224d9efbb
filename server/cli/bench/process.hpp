#pragma once
// What processes use, from /proc.

#include <cstdint>

namespace sealpost::cli::bench {

// CPU time of a process so far, all threads, in microseconds; in steps of 10 ms. Throws Stop if there is no such one.
std::int64_t cpu_us_of(int pid);
// Resident memory of a process, in bytes. Throws Stop.
std::int64_t resident_bytes_of(int pid);

// Of this process, all threads and the calling one.
std::int64_t own_cpu_us();
std::int64_t thread_cpu_us();

// Raises the limit of open descriptors to what `needed` needs. Throws Stop if it cannot be.
void allow_descriptors(std::uint64_t needed);

}  // namespace sealpost::cli::bench
