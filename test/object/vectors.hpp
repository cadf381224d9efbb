#pragma once
// The golden vectors of proto/vectors, which an independent implementation made.

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/encoding.hpp"
#include "object/errors.hpp"

namespace sealpost::object {

inline boost::json::object read_vectors(const std::string& name) {
  std::ifstream file(SEALPOST_SOURCE_DIR "/proto/vectors/" + name + ".json", std::ios::binary);
  if (!file) throw std::runtime_error("no vectors: " + name);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return boost::json::parse(text).as_object();
}

// By value, so that it can stand in a range-for.
inline boost::json::array cases_of(const std::string& name, std::string_view list = "cases") {
  return read_vectors(name).at(list).as_array();
}

// A member of a case, as text.
inline std::string text_in(const boost::json::value& row, std::string_view key) {
  return std::string(row.at(key).as_string());
}

// The name of the outcome, in the words of the vectors.
template <class T>
std::string outcome_of(const Result<T>& result) {
  if (result) return "ok";
  return std::string(name_of(static_cast<Errc>(result.error().value())));
}

// The reject code that the vectors give a refused case.
template <class T>
bool code_fits(const Result<T>& result, const boost::json::value& row) {
  return result.has_value() || wire_code(result.error()) == text_in(row, "code");
}

}  // namespace sealpost::object
