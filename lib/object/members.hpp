#pragma once
// The members of an object in canonical order: what canonical.cpp and those that leave a member out have in common.

#include <boost/container/small_vector.hpp>
#include <boost/json/object.hpp>
#include <string>

namespace sealpost::object {

// Points into the object.
class SortedMembers {
 public:
  explicit SortedMembers(const boost::json::object&);
  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }

 private:
  boost::container::small_vector<const boost::json::key_value_pair*, 24> members_;
};

// "key":value
void append_member(std::string& out, const boost::json::key_value_pair&);

}  // namespace sealpost::object
