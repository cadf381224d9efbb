#include "base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "temporary_folder.hpp"

using namespace sealpost;

using Folder = test::TemporaryFolder;

TEST_CASE("a descriptor is closed once, by its last owner, and errno stays") {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const Descriptor reads(pipe[0]);
  {
    Descriptor writes(pipe[1]);
    Descriptor owner(std::move(writes));
    CHECK_FALSE(writes);
    CHECK(owner.get() == pipe[1]);
    errno = ENOSPC;
  }
  CHECK(errno == ENOSPC);
  CHECK(::fcntl(pipe[1], F_GETFD) == -1);
  CHECK(::fcntl(reads.get(), F_GETFD) != -1);
}

TEST_CASE("what could not be written whole is an error, with its reason") {
  const Descriptor full(::open("/dev/full", O_WRONLY));
  REQUIRE(full);
  CHECK_FALSE(write_all(full.get(), as_bytes("text")));
  CHECK(errno == ENOSPC);
  CHECK(write_all(full.get(), {}));
}

TEST_CASE("a file that is to be made belongs to whom its folder belongs, for his eyes only") {
  const Folder folder;
  const auto none = ownership_of(folder / "none");
  REQUIRE(none);
  CHECK(none->user == ::geteuid());
  CHECK(none->mode == 0600);
  CHECK_FALSE(ownership_of(folder / "no/where"));
}

TEST_CASE("a file takes the owner and the mode of another") {
  const Folder folder;
  const std::string path = folder / "file";
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  Ownership wanted{::geteuid(), ::getegid(), 0640};
  if (::geteuid() == 0) wanted.user = wanted.group = 65534;  // only root gives files away
  REQUIRE(give_to(file.get(), wanted));
  const auto found = ownership_of(path);
  REQUIRE(found);
  CHECK(found->user == wanted.user);
  CHECK(found->group == wanted.group);
  CHECK(found->mode == 0640);
  CHECK(sync_folder_of(path));
}
