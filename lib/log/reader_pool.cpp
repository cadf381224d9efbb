#include "log/reader_pool.hpp"

namespace sealpost::log {

ReaderPool::ReaderPool(std::vector<std::unique_ptr<SqliteReader>> readers, std::function<void(ErrorCode)> on_failure)
    : readers_(std::move(readers)), on_failure_(std::move(on_failure)) {
  for (const auto& reader : readers_) threads_.emplace_back([this, &reader = *reader] { run(reader); });
}

ReaderPool::~ReaderPool() {
  stop();
}

void ReaderPool::ask(Ask question) {
  const std::scoped_lock lock(mutex_);
  if (stopping_) return;
  questions_.push_back(std::move(question));
  work_.notify_one();
}

void ReaderPool::stop() {
  std::deque<Ask> dropped;  // destroyed outside of the lock: what a question holds may do anything
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    dropped.swap(questions_);
    work_.notify_all();
  }
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void ReaderPool::run(SqliteReader& reader) {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !questions_.empty(); });
    if (stopping_) return;
    const Ask question = std::move(questions_.front());
    questions_.pop_front();
    lock.unlock();
    try {
      reader.begin();
      question(reader);
    } catch (const ReadFailed& failed) {
      on_failure_(failed.error);
    }
    reader.end();
    lock.lock();
  }
}

}  // namespace sealpost::log
