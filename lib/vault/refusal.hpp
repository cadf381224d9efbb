#pragma once
// Why a key ring could not be opened or written, so that a person can mend it: what, where, and what to do.

#include <boost/system/result.hpp>
#include <string>

#include "base/result.hpp"

namespace sealpost::vault {

enum class Errc {
  missing = 1,         // no such file
  exists,              // something is there already; it is never overwritten
  open_to_others,      // group or world may read or write the file
  directory_writable,  // group or world may put another file in its place
  not_owned,           // the file or its directory belongs to another user
  not_a_file,          // a directory, device or socket
  not_a_ring,          // does not begin as a key ring does
  newer_version,       // written by a later Sealpost
  truncated,           // shorter than it says it is
  damaged,             // the checksum does not fit
  wrong_key,           // passphrase or key does not open it, or somebody altered it with skill
  wrong_way,           // locked by a passphrase and asked to open by a key, or the other way round
  bad_key_file,        // not 32 bytes in hex or base64url
  no_credential,       // $CREDENTIALS_DIRECTORY is unset, or has no such credential
  empty_passphrase,    // no passphrase, or a configured variable that is not set
  costly,              // asks for more memory or time than we grant (argon2id parameters)
  no_memory,           // argon2id did not get its memory
  too_much,            // more keys or versions than a ring holds
  io,                  // the system said no; `system` tells
};

ErrorCode make_error_code(Errc);

struct Refusal {
  Errc code{};
  std::string where;  // the path, or the name of the credential or variable
  int system = 0;     // errno, where the system said no

  // One sentence or two for the operator: what, where, how to mend it.
  std::string text() const;
};

// Refusal where an ordinary room has an ErrorCode: the path matters as much as the reason.
template <class T>
using Opened = boost::system::result<T, Refusal>;

[[noreturn]] void throw_exception_from_error(const Refusal&, const boost::source_location&);

}  // namespace sealpost::vault

SEALPOST_ERROR_CODES(sealpost::vault::Errc);
