// The sections of a tokenizer.json, each read into its part of a Tokenizer. To admit another kind of step, normalizer
// or processor, add its branch to the function of the section. Within runtime/tokenizer only.
#pragma once

#include <string_view>

#include "runtime/tokenizer/load/json_place.hpp"
#include "runtime/tokenizer/tokenizer_parts.hpp"

namespace dsrun {

void load_model(const JsonPlace& model, TokenizerParts& parts);
void load_pre_tokenizer(const JsonPlace& pre_tokenizer, TokenizerParts& parts);
// After the model and the normalizer.
void load_added_tokens(const JsonPlace& added_tokens, TokenizerParts& parts);
void load_normalizer(const JsonPlace& normalizer, TokenizerParts& parts);
// After the added tokens.
void load_post_processor(const JsonPlace& post_processor, TokenizerParts& parts);
void load_decoder(const JsonPlace& decoder);

// The whole of a tiktoken.model: a line each token, its bytes in base64 and its rank. `config`: the text of the
// tokenizer_config.json beside it, which names the special tokens; "": there is none. Throws TokenizerError.
void load_tiktoken(std::string_view text, std::string_view config, TokenizerParts& parts);

// Files of unknown origin may nest without end.
inline constexpr int deepest_sequence = 8;

}  // namespace dsrun
