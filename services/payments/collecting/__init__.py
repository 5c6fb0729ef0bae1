"""Systems of others that collect fees here (電子収納): who they are, what they may do, what they are told."""
