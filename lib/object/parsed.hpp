#pragma once
// What an Object holds: for dialects, which fill it, and for object.cpp, which reads it.

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "object/object.hpp"

namespace sealpost::object {

struct Parsed {
  // A top-level member's value in the stored text: bytes [begin, end). `key` points into the fields.
  struct Span {
    std::string_view key;
    std::size_t begin;
    std::size_t end;
  };

  // `text_bytes`: of the text to be parsed, from which the room for its tree is guessed.
  explicit Parsed(std::size_t text_bytes)
      : arena_bytes(1024 + 3 * text_bytes),
        arena(std::make_unique_for_overwrite<unsigned char[]>(arena_bytes)),
        resource(arena.get(), arena_bytes) {}
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  // The tree lives in the arena and goes with it, without a destructor for each value.
  std::size_t arena_bytes;
  std::unique_ptr<unsigned char[]> arena;
  boost::json::monotonic_resource resource;
  boost::json::value root =
      boost::json::value(nullptr, &resource);  // an object; what is moved in must live in `resource` too

  std::shared_ptr<const std::string> stored;
  std::vector<Span> spans;
  Link link;
  std::string_view type;
  std::optional<Permalink> author;
  std::optional<Millis> time;
  std::uint64_t version = 0;
  std::optional<Permalink> permalink;
  std::optional<Link> previous;
  std::optional<SignaturePart> signature;
  const Dialect* dialect = nullptr;
};

}  // namespace sealpost::object
