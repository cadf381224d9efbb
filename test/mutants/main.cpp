// One program with two faces, both made of the planted sources: called `sealpostd` it is the server, else the unit
// tests of the rooms.

#include <string_view>

int server_main(int count, char** values);

extern "C" {
int __real_main(int count, char** values);  // of the unit tests: Catch2's

int __wrap_main(int count, char** values) {
  const std::string_view path = values[0];
  const bool server = path.substr(path.find_last_of('/') + 1) == "sealpostd";
  return server ? server_main(count, values) : __real_main(count, values);
}
}
