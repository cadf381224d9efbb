#pragma once
// Whether a planted fault is switched on: SEALPOST_MUTANT names it, or there is none. Included by the planted copies of
// the shipping sources only.

#include <string_view>

namespace sealpost {

bool mutant(std::string_view name);

}  // namespace sealpost
