#include "disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace sealpost::power {

const char* name_of(Call call) {
  constexpr const char* names[] = {"open", "remove", "access", "read",       "write",      "truncate",
                                   "sync", "size",   "lock",   "map_shared", "lock_shared"};
  return names[static_cast<std::size_t>(call)];
}

std::string line_of(const Operation& operation) {
  constexpr const char* kinds[] = {"create", "remove", "write", "truncate", "sync", "failed sync", "sync folder"};
  return fmt::format("{} file {} {} at {}, {} bytes", kinds[static_cast<std::size_t>(operation.kind)], operation.file,
                     operation.name, operation.offset, operation.bytes.size());
}

void Disk::load(Image durable) {
  const auto lock = hold();
  names_.clear();
  trace_.clear();
  done_ = 0;
  files_ = 0;
  // Numbered by name, as Platter does it.
  for (const auto& [name, content] : durable) {
    names_[name] = std::make_shared<File>();
    names_[name]->number = ++files_;
    names_[name]->content = content;
  }
  start_ = std::move(durable);
}

std::shared_ptr<File> Disk::find(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : found->second;
}

std::shared_ptr<File> Disk::create(const std::string& name) {
  auto file = std::make_shared<File>();
  file->number = ++files_;
  names_[name] = file;
  note({Operation::Kind::create, file->number, 0, {}, name});
  return file;
}

void Disk::remove(const std::string& name) {
  names_.erase(name);
  note({Operation::Kind::remove, 0, 0, {}, name});
}

void Disk::write(File& file, const void* bytes, std::size_t size, std::int64_t offset) {
  const auto at = static_cast<std::size_t>(offset);
  if (file.content.size() < at + size) file.content.resize(at + size);
  std::memcpy(file.content.data() + at, bytes, size);
  if (file.number == 0) return;
  const auto* first = static_cast<const std::uint8_t*>(bytes);
  note({Operation::Kind::write, file.number, offset, Bytes(first, first + size)});
}

void Disk::truncate(File& file, std::int64_t size) {
  file.content.resize(std::min(file.content.size(), static_cast<std::size_t>(size)));
  if (file.number != 0) note({Operation::Kind::truncate, file.number, size});
}

void Disk::sync(const File& file, bool fails) {
  if (file.number == 0) return;
  note({fails ? Operation::Kind::failed_sync : Operation::Kind::sync, file.number});
}

void Disk::sync_folder() {
  note({Operation::Kind::sync_folder});
}

Image Disk::cached() const {
  Image image;
  for (const auto& [name, file] : names_) image[name] = file->content;
  return image;
}

void Disk::note(Operation operation) {
  trace_.push_back(std::move(operation));
  ++done_;
}

}  // namespace sealpost::power
