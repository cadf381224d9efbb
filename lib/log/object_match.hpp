#pragma once
// Which objects a filter lets through; one meaning for all engines.

#include "log/indexer.hpp"
#include "log/reader.hpp"

namespace sealpost::log {

inline bool matches(const Draft& draft, const ObjectFilter& filter) {
  if (!is_object(draft)) return false;
  const Permalink& permalink = permalink_of(draft);
  const Digest& named = permalink.is_none() ? draft.link.bytes : permalink.bytes;
  return (filter.type.empty() || filter.type == draft.type) &&
         (filter.author.is_none() || filter.author == draft.author) &&
         (filter.permalink.is_none() || filter.permalink.bytes == named);
}

}  // namespace sealpost::log
