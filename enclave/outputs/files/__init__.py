"""Files that leave an enclave: copied out, checked by machine, reviewed by two blinded stewards, released."""
