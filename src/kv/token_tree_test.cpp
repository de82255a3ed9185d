#include "kv/token_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace fathom::kv {
namespace {

using Tokens = std::vector<int32_t>;
using Tree = TokenTree<int>;

TEST(TokenTree, FindsTheLongestBeginningThatHasAValue) {
  Tree tree;
  EXPECT_EQ(tree.FindLongest(Tokens{1, 2}), nullptr);
  tree.Insert(Tokens{1, 2, 3, 4}).value = 4;
  tree.Insert(Tokens{1, 2}).value = 2;
  tree.Insert(Tokens{1, 2, 3, 9}).value = 9;
  EXPECT_EQ(tree.FindLongest(Tokens{1}), nullptr);
  EXPECT_EQ(tree.FindLongest(Tokens{1, 2, 3})->value, 2);
  EXPECT_EQ(tree.FindLongest(Tokens{1, 2, 3, 4, 5})->value, 4);
  EXPECT_EQ(tree.FindLongest(Tokens{1, 2, 3, 9})->value, 9);
  EXPECT_EQ(tree.FindLongest(Tokens{1, 2, 3, 5})->value, 2);
  EXPECT_EQ(tree.Find(Tokens{1, 2, 3}), nullptr) << "paths part here, but nobody put a value";
  EXPECT_EQ(tree.Find(Tokens{1, 2, 3, 9})->Path(), (Tokens{1, 2, 3, 9}));
  EXPECT_EQ(tree.Find(Tokens{1, 2, 3, 9})->parent()->length(), 3);
  EXPECT_EQ(tree.Find(Tokens{1, 2, 3, 9})->FindAncestor()->length(), 2);
}

TEST(TokenTree, AnEmptySequenceMayHaveAValue) {
  Tree tree;
  tree.Insert({}).value = 7;
  EXPECT_EQ(tree.FindLongest(Tokens{1})->value, 7);
  tree.Erase(*tree.Find({}));
  EXPECT_EQ(tree.FindLongest(Tokens{1}), nullptr);
}

// Against a map of whole sequences: few different tokens, so that paths part and meet everywhere.
TEST(TokenTree, AgreesWithAMapOfSequences) {
  std::mt19937 random(3);
  const auto sequence = [&] {
    Tokens tokens(random() % 12);
    for (int32_t& token : tokens) token = static_cast<int32_t>(random() % 2);
    return tokens;
  };
  Tree tree;
  std::map<Tokens, std::pair<int, Tree::Node*>> expected;
  for (int i = 0; i < 20000; ++i) {
    const Tokens tokens = sequence();
    if (random() % 2 == 0) {
      Tree::Node& node = tree.Insert(tokens);
      node.value = i;
      const auto found = expected.find(tokens);
      if (found != expected.end()) {
        ASSERT_EQ(found->second.second, &node) << "a node with a value does not move";
      }
      expected[tokens] = {i, &node};
    } else if (Tree::Node* node = tree.Find(tokens)) {
      ASSERT_EQ(expected.erase(tokens), 1u);
      tree.Erase(*node);
    }

    const Tokens wanted = sequence();
    Tokens longest = wanted;
    while (!longest.empty() && !expected.contains(longest)) longest.pop_back();
    const Tree::Node* found = tree.FindLongest(wanted);
    if (!expected.contains(longest)) {
      ASSERT_EQ(found, nullptr);
      continue;
    }
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(found->value, expected[longest].first);
    ASSERT_EQ(found->Path(), longest);
  }
  size_t nodes = 0;
  tree.ForEach([&](const Tree::Node& node) {
    ++nodes;
    EXPECT_EQ(expected.at(node.Path()).second, &node);
  });
  EXPECT_EQ(nodes, expected.size());
}

}  // namespace
}  // namespace fathom::kv
