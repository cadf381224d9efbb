// One program with three faces, all made of the planted sources: called `sealpostd` it is the server, called `sealpost`
// the command line, else the unit tests of the rooms.

#include <string_view>

int server_main(int count, char** values);
int tool_main(int count, char** values);

extern "C" {
int __real_main(int count, char** values);  // of the unit tests: Catch2's

int __wrap_main(int count, char** values) {
  const std::string_view path = values[0];
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  if (name == "sealpostd") return server_main(count, values);
  if (name == "sealpost") return tool_main(count, values);
  return __real_main(count, values);
}
}
