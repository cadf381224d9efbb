#pragma once
// HTTP/1.1 as text: bytes in, messages out, without input and output. Beast does the parsing, in http.cpp,
// synchronously and without a stream: so it is cheap to compile and holds nothing while a connection waits.

#include <memory>
#include <string>

#include "net/http.hpp"
#include "net/http_client.hpp"

namespace sealpost::net {

enum class Parsed { more, head, whole, failed };

// One request.
class RequestParser {
 public:
  explicit RequestParser(const HttpLimits& limits);
  ~RequestParser();

  // Takes from the front of `bytes` what belongs to the request. `head` comes once, before any of the body is taken.
  Parsed feed(std::string& bytes);
  // From `head` until the next feed(): a lower limit on the body than the parser was made with. `head` or `failed`.
  Parsed limit_body(std::size_t bytes);
  int failure() const { return failure_; }  // the status to answer with, if failed

  // From `head` on.
  const Request& request() const { return request_; }
  bool keep_alive() const { return keep_alive_; }
  bool takes_chunks() const;  // HTTP/1.1, not 1.0
  bool expects_continue() const;
  bool wants_websocket() const;
  // From `whole` on: moves out what there is.
  Request take();

 private:
  struct Beast;
  Parsed fail(int status);
  Parsed read_head();

  std::unique_ptr<Beast> beast_;
  const HttpLimits limits_;
  Request request_;
  bool head_ = false;
  bool keep_alive_ = false;
  int failure_ = 0;
};

// One response to a request.
class ResponseParser {
 public:
  // `bodiless`: it answers HEAD.
  ResponseParser(bool bodiless, std::size_t body_max);
  ~ResponseParser();

  // `whole` or `failed` or `more`. Informational responses (100 Continue) are skipped.
  Parsed feed(std::string& bytes);
  // There is no more to feed.
  Parsed end();
  ErrorCode failure() const { return failure_; }
  HttpAnswer take();

 private:
  struct Beast;
  void renew();
  Parsed fail(ErrorCode error);

  std::unique_ptr<Beast> beast_;
  const bool bodiless_;
  const std::size_t body_max_;
  ErrorCode failure_;
};

// How the connection goes on after a response, and whether it has a body.
struct Framing {
  enum class Body { sized, chunked, until_closed };  // the latter two are of pieces
  bool keep_alive = true;
  bool head = false;  // it answers HEAD
  Body body = Body::sized;
};

// The response as it goes out, with its body unless it answers HEAD.
std::string text_of(const Response& response, Framing framing);
std::string text_of(const HttpCall& call, std::string_view authority);
std::string chunk_of(std::string_view piece);  // of a chunked body; an empty piece ends it

}  // namespace sealpost::net
