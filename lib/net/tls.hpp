#pragma once
// TLS as a server: a certificate and its key from PEM files, TLS 1.3 (1.2 only where the operator allows it), no
// session tickets, no renegotiation, no compression.

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/ports.hpp"

struct ssl_ctx_st;

namespace sealpost::net {

struct TlsOptions {
  std::filesystem::path certificate;  // PEM: the certificate, then the intermediate ones
  std::filesystem::path key;          // PEM, not encrypted
  bool allow_tls12 = false;           // for old devices; such connections have no channel binding
};

// Safe for use from any thread.
class TlsContext {
 public:
  // Throws std::runtime_error, which names the file, says what is wrong with it and how to mend that. Warns when others
  // than the owner and the group may read the key.
  TlsContext(TlsOptions options, LogSink& log);

  // Reads the files again, for connections to come. If they do not fit it says so, keeps what it had, and is false.
  bool reload();

  std::shared_ptr<ssl_ctx_st> current() const;

 private:
  const TlsOptions options_;
  LogSink& log_;
  mutable std::mutex mutex_;  // a leaf
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace sealpost::net
