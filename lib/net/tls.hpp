#pragma once
// TLS as a server: a certificate and its key from PEM files, TLS 1.3 (1.2 only where the operator allows it), the
// clients' certificates where the operator asks for them, no session tickets, no renegotiation, no compression.

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/ports.hpp"

struct ssl_ctx_st;

namespace sealpost::net {

// Whether a client shows a certificate. One that it shows must be good, also where it need not show any.
enum class ClientCertificates { none, optional, required };

struct TlsOptions {
  std::filesystem::path certificate;  // PEM: the certificate, then the intermediate ones
  std::filesystem::path key;          // PEM, not encrypted
  bool allow_tls12 = false;           // for old devices; such connections have no channel binding
  ClientCertificates clients = ClientCertificates::none;
  std::filesystem::path client_ca{};  // PEM: the authorities that sign the clients' certificates
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
