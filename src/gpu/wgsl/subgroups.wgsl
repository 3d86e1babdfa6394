enable subgroups; // before everything else of a shader
