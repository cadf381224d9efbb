#include "net/authority.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>

namespace sealpost::net {
namespace {

template <class Write>
std::string pem_of(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(write(bio) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string pem_of(X509* certificate) {
  return pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

void extend(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  REQUIRE(extension);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* begin(EVP_PKEY* key, const std::string& common_name, long seconds) {
  static long serial = 0;
  X509* made = X509_new();
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
  if (!common_name.empty()) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.data()),
                               static_cast<int>(common_name.size()), -1, 0);
  }
  X509_gmtime_adj(X509_getm_notBefore(made), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made), seconds);
  X509_set_pubkey(made, key);
  return made;
}

}  // namespace

Authority::Authority(const std::string& name) : key_(EVP_EC_gen("P-256")), own_(begin(key_, name, 86'400)) {
  X509_set_issuer_name(own_, X509_get_subject_name(own_));
  extend(own_, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(own_, key_, EVP_sha256());
  pem_ = pem_of(own_);
}

Authority::~Authority() {
  X509_free(own_);
  EVP_PKEY_free(key_);
}

Certificate Authority::certify(const std::string& common_name, long seconds, const std::string& extended_use) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* made = begin(key, common_name, seconds);
  X509_set_issuer_name(made, X509_get_subject_name(own_));
  extend(made, NID_ext_key_usage, extended_use);
  X509_sign(made, key_, EVP_sha256());
  Certificate certificate{pem_of(made), pem_of([&](BIO* bio) {
                            return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
                          })};
  X509_free(made);
  EVP_PKEY_free(key);
  return certificate;
}

}  // namespace sealpost::net
