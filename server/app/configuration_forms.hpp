#pragma once
// What texts in the configuration may be.

#include "app/configuration_table.hpp"

namespace sealpost::app::forms {

extern const Form path;          // any but empty
extern const Form path_or_none;  // any
extern const Form name;
extern const Form label;
extern const Form endpoint;
extern const Form service;
extern const Form address;
extern const Form address_range;
extern const Form origin;
extern const Form digest;
extern const Form rule;
extern const Form variable;
extern const Form file_name;

}  // namespace sealpost::app::forms
