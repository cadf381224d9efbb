#include "base/sha256.hpp"

#include <openssl/evp.h>

#include <memory>

#include "base/assert.hpp"

namespace sealpost {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Fetching the algorithm costs more than hashing a message, so each thread keeps a context that holds it.
EVP_MD_CTX* context_of_thread() {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context = [] {
    std::unique_ptr<EVP_MD_CTX, FreeContext> made(EVP_MD_CTX_new());
    SEALPOST_ASSERT(made && EVP_DigestInit_ex(made.get(), EVP_sha256(), nullptr) == 1);
    return made;
  }();
  return context.get();
}

}  // namespace

Digest sha256(std::initializer_list<BytesView> parts) {
  EVP_MD_CTX* context = context_of_thread();
  SEALPOST_ASSERT(EVP_DigestInit_ex(context, nullptr, nullptr) == 1);
  for (const BytesView part : parts) SEALPOST_ASSERT(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  Digest digest;
  SEALPOST_ASSERT(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace sealpost
