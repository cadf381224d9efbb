#include "pipeline/gate.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sealpost::pipeline {

asio::awaitable<void> Gate::wait() {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [this](auto handler) {
        asio::any_io_executor executor = asio::get_associated_executor(handler);
        waiting_.push_back({std::move(executor), std::move(handler)});
      },
      asio::use_awaitable);
}

void Gate::open() {
  auto woken = std::exchange(waiting_, {});
  for (Waiting& waiting : woken)
    asio::post(waiting.executor, [handler = std::move(waiting.handler)]() mutable { std::move(handler)(); });
}

asio::awaitable<Turn::Held> Turn::take() {
  while (taken_) co_await freed_.wait();
  taken_ = true;
  co_return Held(*this);
}

void Turn::release() {
  taken_ = false;
  freed_.open();
}

}  // namespace sealpost::pipeline
