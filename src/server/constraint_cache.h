// What requests' answers are held to.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "api/request.h"
#include "base/result.h"
#include "constraint/answer_constraint.h"

namespace fathom::server {

/// Makes constraints, and keeps some: the requests of one conversation all have the same tools. May
/// be used from several threads at once.
class ConstraintCache {
 public:
  /// `log`, which may be empty, takes a line that names what of a request's schemas is not held.
  ConstraintCache(std::shared_ptr<const constraint::ConstraintVocabulary> vocabulary,
                  std::function<void(std::string_view)> log)
      : vocabulary_(std::move(vocabulary)), log_(std::move(log)) {}

  /// What the answers to the request have to be. Errors name the field of the schema that cannot be
  /// held to.
  base::Result<std::shared_ptr<constraint::AnswerConstraints>> Find(const api::Request& request);

 private:
  using Constraints = std::shared_ptr<constraint::AnswerConstraints>;
  struct Entry {
    std::string key;
    Constraints constraints;
  };
  // Of all that are kept, in nodes: about 50 MB.
  static constexpr size_t kMostNodes = size_t{1} << 19;

  Constraints LookUp(const std::string& key);
  void Keep(const std::string& key, const Constraints& constraints);
  void Log(const constraint::AnswerConstraints& constraints) const;

  const std::shared_ptr<const constraint::ConstraintVocabulary> vocabulary_;
  const std::function<void(std::string_view)> log_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // the newest first
};

}  // namespace fathom::server
