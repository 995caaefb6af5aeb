"""How well each dataset is protected: a judgement of evidence, and where the evidence comes from."""
