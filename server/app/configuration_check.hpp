#pragma once
// What can only be judged when the whole configuration is known.

#include <functional>

#include "app/configuration.hpp"

namespace sealpost::app {

// Whether a listener's key means something for its kind.
bool applies(std::string_view key, ListenerKind);

// `path` is "limits.window", or "listener[0].port"; "listener[0]" is that table as a whole.
using Report = std::function<void(const std::string& path, const std::string& sentence)>;

// Gives listeners that say nothing what their kind serves, and reports what does not fit together.
void complete_and_check(Configuration&, const Report&);

}  // namespace sealpost::app
