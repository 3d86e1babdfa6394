requires packed_4x8_integer_dot_product; // before everything else of a shader
