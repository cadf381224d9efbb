#pragma once
// What is read of certificates; and one signed by its own key, for development and tests.

#include <string>
#include <vector>

#include "base/sha256.hpp"

struct x509_st;

namespace sealpost::net {

struct Certificate {
  std::string certificate;  // PEM
  std::string key;          // PEM, PKCS #8, not encrypted
};

// ECDSA P-256 for these host names and IP addresses (the first is the common name), valid from an hour ago for `days`.
Certificate make_self_signed(const std::vector<std::string>& names, int days = 825);

// SHA-256 of the DER form of the first certificate in the PEM text: what DialOptions::pin takes. All zero if there is
// none.
Digest fingerprint(const std::string& certificate_pem);

// The (first) common name of the subject, in UTF-8; empty if there is none, or none that is one short line of text.
std::string common_name(const x509_st* certificate);

}  // namespace sealpost::net
