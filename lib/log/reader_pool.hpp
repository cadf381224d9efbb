#pragma once
// The reader threads: each has a connection that cannot write, and answers one question after another, each from a
// snapshot of its own.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "log/sqlite_reader.hpp"

namespace sealpost::log {

class ReaderPool {
 public:
  using Ask = std::function<void(Reader&)>;

  ReaderPool(std::vector<std::unique_ptr<SqliteReader>> readers, std::function<void(ErrorCode)> on_failure);
  ~ReaderPool();

  void ask(Ask);
  // Ends the threads after the questions being answered; those that wait are dropped.
  void stop();

 private:
  void run(SqliteReader&);

  std::vector<std::unique_ptr<SqliteReader>> readers_;
  const std::function<void(ErrorCode)> on_failure_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Ask> questions_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sealpost::log
