#pragma once
// Errors are values: what input, peers, disk or time can cause comes back as a Result. Each room has one enum `Errc`,
// made into an error code by SEALPOST_ERROR_CODES below its definition (and `make_error_code` in one source).

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace sealpost {

using ErrorCode = boost::system::error_code;

template <class T>
using Result = boost::system::result<T>;

}  // namespace sealpost

// To be written outside of any namespace, after `enum class Errc` and `ErrorCode make_error_code(Errc)` of a room.
#define SEALPOST_ERROR_CODES(Enum) \
  template <>                      \
  struct boost::system::is_error_code_enum<Enum> : std::true_type {}
