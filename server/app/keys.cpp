#include "app/keys.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/files.hpp"
#include "net/certificate.hpp"

namespace sealpost::app {
namespace {

namespace fs = std::filesystem;

vault::UnlockBy unlock_by(const Configuration& configuration) {
  const KeysSection& keys = configuration.keys;
  switch (keys.unlock) {
    case Unlock::credential:
      return vault::Credential{keys.credential};
    case Unlock::key_file:
      return vault::KeyFile{configuration.in_data_dir(keys.key_file)};
    case Unlock::passphrase:
      break;
  }
  auto passphrase = vault::passphrase_of_variable(keys.passphrase_variable);
  if (!passphrase) throw std::runtime_error(passphrase.error().text());
  return std::move(*passphrase);
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  const bool existed = fs::exists(folder, error);
  fs::create_directories(folder, error);
  if (error)
    throw std::runtime_error(fmt::format("{}: cannot make the folder: {}. Make it, or let this user write beside it.",
                                         folder.string(), error.message()));
  if (!existed) fs::permissions(folder, fs::perms::owner_all, error);
}

vault::KeyRing create_ring(const Configuration& configuration, const fs::path& path, Clock& clock, Random& random,
                           LogSink& sink) {
  make_folder(configuration.in_data_dir(""));
  make_folder(path.parent_path());
  if (configuration.keys.unlock == Unlock::key_file) {
    const fs::path key_file = configuration.in_data_dir(configuration.keys.key_file);
    make_folder(key_file.parent_path());
    if (!fs::exists(key_file))
      if (const auto made = vault::create_key_file(key_file); !made) throw std::runtime_error(made.error().text());
  }
  vault::KeyRing ring;
  const object::Signer& update = ring.generate(std::string(object::purpose_update), random);
  const object::Signer& sign = ring.generate(std::string(object::purpose_sign), random);
  object::IdentityDraft draft;
  draft.name = configuration.server.name;
  draft.keys = {{object::purpose_update, &update}, {object::purpose_sign, &sign}};
  draft.time = clock.now();
  ring.add_version(std::string(object::make_first(draft, update).stored()));
  const auto created = vault::create(path, unlock_by(configuration), ring);
  if (!created) throw std::runtime_error(created.error().text());
  sink.write(Level::info, "app",
             fmt::format("Made the server's identity and keys: {}. Back this file up.", path.string()));
  return ring;
}

vault::KeyRing open_ring(const Configuration& configuration, Clock& clock, Random& random, LogSink& sink) {
  const fs::path path = configuration.in_data_dir(configuration.keys.file);
  const fs::path log = configuration.in_data_dir(configuration.log.file);
  if (!fs::exists(path) && configuration.server.create_missing) {
    if (fs::exists(log))
      throw std::runtime_error(fmt::format(
          "{}: the server's keys are missing, but there is a log ({}). A new identity would be another server: "
          "restore the keys from their backup, or start with an empty data_dir.",
          path.string(), log.string()));
    return create_ring(configuration, path, clock, random, sink);
  }
  auto opened = vault::open(path, unlock_by(configuration));
  if (!opened) throw std::runtime_error(opened.error().text());
  return std::move(*opened);
}

void write_file(const fs::path& path, std::string_view text, mode_t mode) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  const bool written = file && write_all(file.get(), as_bytes(text)) && ::fsync(file.get()) == 0;
  if (!written) throw std::runtime_error(fmt::format("{}: cannot write it: {}.", path.string(), std::strerror(errno)));
}

}  // namespace

ServerKeys open_or_create_keys(const Configuration& configuration, Clock& clock, Random& random, LogSink& sink) {
  ServerKeys keys{open_ring(configuration, clock, random, sink), {}};
  for (const std::string& stored : keys.ring.identity()) {
    auto version = object::Identity::parse(stored);
    if (!version)
      throw std::runtime_error("the key ring holds an identity that cannot be read: " + version.error().message());
    keys.identity.versions.push_back(std::move(*version));
  }
  if (keys.identity.versions.empty()) throw std::runtime_error("the key ring holds no identity");
  keys.identity.permalink = keys.identity.versions.front().permalink();
  keys.identity.signer = keys.ring.signer(object::purpose_sign);
  if (keys.identity.signer == nullptr ||
      !keys.identity.versions.back().has_key(object::purpose_sign, keys.identity.signer->key()))
    throw std::runtime_error("the key ring holds no sign key of the identity in force");
  return keys;
}

void make_certificate_if_missing(const Configuration& configuration, const Listener& listener, LogSink& sink) {
  if (!listener.self_signed) return;
  const fs::path certificate = configuration.in_data_dir(listener.certificate);
  const fs::path key = configuration.in_data_dir(listener.private_key);
  if (fs::exists(certificate) || fs::exists(key)) return;
  make_folder(certificate.parent_path());
  make_folder(key.parent_path());
  const net::Certificate made = net::make_self_signed({"localhost", "127.0.0.1", "::1"});
  write_file(key, made.key, 0600);
  write_file(certificate, made.certificate, 0644);
  sink.write(Level::info, "app",
             fmt::format("Made a self-signed certificate for localhost: {}. For the world, use a real one.",
                         certificate.string()));
}

}  // namespace sealpost::app
