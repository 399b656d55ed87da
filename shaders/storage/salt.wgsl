// What the stochastic rounding of states goes by: the step, and for each state a number of its own.
var<private> rounding_step: u32;

fn salt_of(row: Row, state: u32) -> u32 {
    return mixed(vec4u(row.state_salt ^ state)).x | 1u;
}
