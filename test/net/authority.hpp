#pragma once
// An authority that certifies clients, for the tests.

#include <string>

#include "net/certificate.hpp"

struct evp_pkey_st;
struct x509_st;

namespace sealpost::net {

class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  Authority(const Authority&) = delete;

  const std::string& certificate() const { return pem_; }  // its own
  // Valid from an hour ago until `seconds` from now; `extended_use` as OpenSSL names it.
  Certificate certify(const std::string& common_name, long seconds = 86'400,
                      const std::string& extended_use = "clientAuth") const;

 private:
  evp_pkey_st* key_;
  x509_st* own_;
  std::string pem_;
};

}  // namespace sealpost::net
